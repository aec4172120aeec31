/** A boot sector that writes DISK-OK to the first serial port and halts. */
export function bootSector(): Uint8Array {
  const program = [
    ...[0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0xfc], // cli; xor ax,ax; mov ds,ax; cld
    ...[0xbe, 0x17, 0x7c, 0xba, 0xf8, 0x03], // mov si,message; mov dx,0x3f8
    ...[0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8], // lodsb; test al,al; jz halt; out dx,al; loop
    ...[0xf4, 0xeb, 0xfd], // halt: hlt; jmp halt
  ];
  const sector = new Uint8Array(1 << 20);
  sector.set([...program, ...Buffer.from("DISK-OK\r\n\0")]);
  sector.set([0x80, 1, 1, 0, 0x83, 15, 0xff, 0xff, 1], 446);
  sector.set([0x55, 0xaa], 510);
  return sector;
}
