/** What the jobs of importing and exporting are told. */
import type { ImportSource } from "../../images/store/store.ts";
import type { ExportRequest } from "../api/schema/image-file.ts";

export interface ImportParams {
  readonly image: string;
  readonly source: ImportSource;
  readonly message: string;
}

export interface ExportParams {
  /** `web@3`. */
  readonly from: string;
  readonly file: string;
  readonly replace: boolean;
  readonly disk?: ExportRequest["disk"];
  readonly container?: boolean;
}
