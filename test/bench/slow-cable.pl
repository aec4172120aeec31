# A cable that takes its time: two tap devices, A and B, each frame of one handed to the other when it is MICROSECONDS old.
# For kernels that cannot delay packets themselves. Arguments: A B MICROSECONDS. Says "up" when both are there.
use strict;
use warnings;
use Fcntl;
use Time::HiRes qw(time);

my ($name_a, $name_b, $micros) = @ARGV;
my $delay = $micros / 1e6;

sub tap {
    my ($name) = @_;
    sysopen(my $tap, '/dev/net/tun', O_RDWR | O_NONBLOCK) or die "/dev/net/tun: $!\n";
    # TUNSETIFF with IFF_TAP | IFF_NO_PI.
    ioctl($tap, 0x400454ca, pack('Z16 S x22', $name, 0x1002)) or die "$name: $!\n";
    return $tap;
}

my @taps = (tap($name_a), tap($name_b));
$| = 1;
print "up\n";

my @queue; # frames under way, oldest first: when due, where to, what
while (1) {
    my $wanted = '';
    vec($wanted, fileno($_), 1) = 1 for @taps;
    my $wait = @queue ? $queue[0][0] - time : undef;
    select($wanted, undef, undef, defined $wait && $wait < 0 ? 0 : $wait);
    for my $from (0, 1) {
        while (sysread($taps[$from], my $frame, 65536)) {
            push @queue, [time + $delay, 1 - $from, $frame];
        }
    }
    while (@queue && $queue[0][0] <= time) {
        my (undef, $to, $frame) = @{ shift @queue };
        syswrite($taps[$to], $frame); # A frame that finds no room is lost, as on any cable.
    }
}
