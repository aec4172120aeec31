import { defineConfig } from "vitest/config";

// unit: pure code and contracts on fakes (milliseconds). interop: real programs (seconds; needs root and Debian packages).
// lab: virtual machines (minutes). `lab-core` is the part of the lab that `npm test` runs.
// The limits on time only end what hangs: a slow or busy machine must not fail a test.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/interop/**", "test/e2e/**"],
        },
      },
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "lab-core",
          include: ["test/e2e/core/**/*.test.ts"],
          testTimeout: 1_500_000,
          hookTimeout: 1_500_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "lab",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 1_500_000,
          hookTimeout: 1_500_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
