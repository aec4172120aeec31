/** When a capture has come to rest, and what is said of what would not. */
import { escapePath, type RelPath } from "../../base/path-bytes.ts";

/** What a pass tells of things that did not hold still. */
export interface Unrest {
  /** Not read in one piece, and not stored. */
  readonly torn: readonly RelPath[];
  /** Listed, and gone or something else when they were to be read. */
  readonly vanished: readonly RelPath[];
  /** Changed after they were listed, however well they were read. */
  readonly moved: readonly RelPath[];
}

/**
 * Whether another pass would bring nothing new. A machine that runs always changes something: where everything was read, and just what
 * changed during the last pass changed again, the capture is as good as it gets.
 */
export function isSettled(pass: Unrest, movedBefore: ReadonlySet<RelPath>): boolean {
  return pass.torn.length + pass.vanished.length === 0 && pass.moved.every((path) => movedBefore.has(path));
}

const named = 10;

/** A sentence for each thing that was not read, and one for what went on changing. */
export function unrest(pass: Unrest, attempts: number): readonly string[] {
  const torn = pass.torn.map(
    (path) =>
      `/${escapePath(path)} would not hold still while it was read, in ${attempts} attempts: the image has it as it was before, or not at all`,
  );
  const vanished = pass.vanished.map(
    (path) => `/${escapePath(path)} was listed and could not be read, in ${attempts} attempts`,
  );
  const missed = new Set([...pass.torn, ...pass.vanished]);
  const moved = pass.moved.filter((path) => !missed.has(path));
  const names = moved.slice(0, named).map((path) => `/${escapePath(path)}`);
  const more = moved.length > named ? ` and ${moved.length - named} more` : "";
  return [
    ...torn,
    ...vanished,
    ...(moved.length === 0
      ? []
      : [
          `Changed while the machine was captured, and in the image as they were at one moment of it: ${names.join(", ")}${more}`,
        ]),
  ];
}
