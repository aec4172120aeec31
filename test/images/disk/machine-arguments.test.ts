import { expect, it } from "vitest";
import { type Board, boardOf, machineArguments } from "../../../images/disk/machine-arguments.ts";

const files = { disk: "/a,b.raw", kernel: "/k", ramdisk: "/r", spool: "/s", console: "/c" };
const argumentsOf = (version: number) =>
  machineArguments({ board: boardOf("x86_64") as Board, accelerator: "tcg", version, init: "i", files }).join(
    " ",
  );

it("a machine's disk is never written to, its name is one word, and QEMU gives up root in the way that it knows", () => {
  expect(argumentsOf(7.2)).toContain("snapshot=on,file=/a,,b.raw");
  expect(argumentsOf(7.2)).toContain("-runas 65534:65534");
  expect(argumentsOf(9.1)).toContain("-run-with user=65534:65534");
  expect(argumentsOf(9.1)).not.toContain("-netdev");
  expect(boardOf("riscv64")).toBeUndefined();
});
