import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// unit: pure code and contracts on fakes (milliseconds). interop: real programs (seconds; needs root and Debian packages).
// lab: virtual machines (minutes). `lab-core` is the part of the lab that `npm test` runs.
// The core of the lab mostly waits for one emulated processor, and tests with programs wait for timers, so the lab goes first and two of them beside it.
// The limits on time only end what hangs: a slow or busy machine must not fail a test.
const beside = { maxWorkers: 3, sequence: { groupOrder: 1 } };

class LabFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLab = (file: TestSpecification) => file.project.name === "lab-core";
    return [...sorted.filter(isLab), ...sorted.filter((file) => !isLab(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LabFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/interop/**", "test/e2e/**"],
          // Pure code keeps nothing between tests, and loading it anew for each file took longer than they do.
          isolate: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "interop",
          globalSetup: ["test/programs.ts"],
          include: ["test/interop/**/*.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          ...beside,
        },
      },
      {
        test: {
          name: "lab-core",
          include: ["test/e2e/core/**/*.test.ts"],
          testTimeout: 1_500_000,
          hookTimeout: 1_500_000,
          ...beside,
        },
      },
      {
        test: {
          name: "lab",
          globalSetup: ["test/programs.ts"],
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 3_600_000,
          hookTimeout: 3_600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
