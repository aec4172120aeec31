import type { GoldenFacts } from "../../images/capture/facts.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { DiskLayout } from "./model.ts";

export interface RepairContext {
  /** What the golden client told, where that is known. */
  readonly facts?: GoldenFacts;
}

/** A repaired layout and what was done, for people. */
export interface Repaired {
  readonly layout: DiskLayout;
  readonly text: string;
}

/** Repairs one finding; gives undefined where it cannot be repaired with what is known. */
export type RepairFunction = (
  layout: DiskLayout,
  finding: Diagnostic,
  context: RepairContext,
) => Repaired | undefined;
