import type { ErrorCode } from "../../base/errors.ts";

/** What the process says to the shell. One of exactly two tables over the error codes (the other maps to HTTP status). */
export const exitCodes = {
  "bad-input": 2,
  "not-found": 3,
  conflict: 4,
  refused: 5,
  unauthorized: 6,
  "remote-auth": 6,
  "host-key": 6,
  unreachable: 7,
  "remote-failed": 8,
  "missing-tool": 9,
  hostile: 10,
  corrupt: 11,
  "no-space": 12,
  cancelled: 130,
  io: 1,
  internal: 1,
} as const satisfies Record<ErrorCode, number>;

/** For `--help` and the manual: each number once, lowest first. */
export const exitCodeMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [0, "done"],
  [1, "the operating system said no, or a fault of Ingot's"],
  [2, "the command line or a file cannot be meant: nothing was done"],
  [3, "no such image, version, node, job or file"],
  [4, "it exists already, or somebody else holds it"],
  [5, "possible but unsafe, so refused: the message says what to do"],
  [6, "not allowed: a token, an SSH key or a changed host key"],
  [7, "a machine or the daemon does not answer"],
  [8, "the work on a machine failed, or did on some of several machines"],
  [9, "a program that is needed is not installed"],
  [10, "data from outside breaks its own rules"],
  [11, "stored data is damaged"],
  [12, "a disk is full"],
  [130, "stopped on request"],
];
