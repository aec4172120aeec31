/** The head of an ELF file: for which machine it is, and which program loads it. */

/** uname(1)'s names by `e_machine` (and, where that is shared, by word size). */
const machines: Readonly<Record<number, string>> = {
  2: "sparc",
  3: "i686",
  8: "mips",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "armv7l",
  43: "sparc64",
  62: "x86_64",
  183: "aarch64",
  243: "riscv64",
  258: "loongarch64",
};

/** Machines whose programs another one runs by itself. */
const alsoRuns: Readonly<Record<string, readonly string[]>> = {
  x86_64: ["i686"],
  aarch64: ["armv7l"],
  ppc64: ["ppc"],
  ppc64le: ["ppc64le"],
  sparc64: ["sparc"],
};

/** The machine that the program is for; undefined where the bytes are no ELF file's. */
export function elfMachine(head: Uint8Array): string | undefined {
  if (head.length < 20 || head[0] !== 0x7f || head[1] !== 0x45 || head[2] !== 0x4c || head[3] !== 0x46) {
    return undefined;
  }
  const little = head[5] === 1;
  const [low = 0, high = 0] = little ? [head[18], head[19]] : [head[19], head[18]];
  const code = low + high * 256;
  const name = machines[code] ?? `machine ${code}`;
  return name === "ppc64" && little ? "ppc64le" : name;
}

/** The interpreter in `#!`; undefined where the bytes are no script's. */
export function scriptInterpreter(head: Uint8Array): string | undefined {
  const line = /^#! *(\/[^\s]+)/.exec(Buffer.from(head).toString("latin1"));
  return line?.[1];
}

/** Whether a kernel runs such a program without help. */
export function runsOn(program: string, server: string): boolean {
  return program === server || (alsoRuns[server] ?? []).includes(program);
}
