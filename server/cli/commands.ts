import type { Command } from "./command.ts";
import { captureCommand, prepareCommand } from "./commands/capture.ts";
import { imageChrootCommand } from "./commands/chroot.ts";
import { deployCommand } from "./commands/deploy.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { exportCommand } from "./commands/export.ts";
import { flavorBuildCommand, flavorListCommand, flavorRemoveCommand } from "./commands/flavor.ts";
import {
  imageCommitCommand,
  imageHistoryCommand,
  imageListCommand,
  imageRemoveCommand,
  imageShowCommand,
  imageVerifyCommand,
} from "./commands/image.ts";
import { imageDiffCommand } from "./commands/image-diff.ts";
import { imageExportCommand, imageImportCommand } from "./commands/image-files.ts";
import {
  imageCopyCommand,
  imageMoveCommand,
  imagePruneCommand,
  imageRollbackCommand,
  imageTagCommand,
} from "./commands/image-versions.ts";
import { layoutCheckCommand, layoutRepairCommand, layoutShowCommand } from "./commands/layout.ts";
import { layoutDiffCommand, layoutFitCommand } from "./commands/layout-compare.ts";
import { layoutScriptCommand } from "./commands/layout-script.ts";
import {
  localbootCommand,
  nodeAddCommand,
  nodeListCommand,
  nodeRemoveCommand,
  nodeSetCommand,
  nodeShowCommand,
} from "./commands/node.ts";
import { nodeAdoptCommand, nodeDiscoverCommand } from "./commands/node-discover.ts";
import {
  overrideListCommand,
  overridePushCommand,
  overrideRemoveCommand,
  overrideShowCommand,
} from "./commands/override.ts";
import { serveCommand } from "./commands/serve.ts";
import {
  clientCommand,
  hostKeyForgetCommand,
  hostKeyListCommand,
  jobsCommand,
  statusCommand,
  watchCommand,
} from "./commands/status.ts";
import { driftCommand, updateCommand } from "./commands/update.ts";

/** Every command, in the order in which an administrator meets them. */
export const commands: readonly Command[] = [
  serveCommand,
  statusCommand,
  clientCommand,
  prepareCommand,
  captureCommand,
  imageListCommand,
  imageShowCommand,
  imageHistoryCommand,
  imageDiffCommand,
  imageChrootCommand,
  imageCommitCommand,
  imageRollbackCommand,
  imageTagCommand,
  imageVerifyCommand,
  imageCopyCommand,
  imageMoveCommand,
  imagePruneCommand,
  imageImportCommand,
  imageExportCommand,
  imageRemoveCommand,
  layoutCheckCommand,
  layoutRepairCommand,
  layoutShowCommand,
  layoutFitCommand,
  layoutDiffCommand,
  layoutScriptCommand,
  nodeAddCommand,
  nodeListCommand,
  nodeShowCommand,
  nodeSetCommand,
  nodeRemoveCommand,
  nodeDiscoverCommand,
  nodeAdoptCommand,
  flavorBuildCommand,
  flavorListCommand,
  flavorRemoveCommand,
  deployCommand,
  localbootCommand,
  updateCommand,
  driftCommand,
  overrideListCommand,
  overrideShowCommand,
  overridePushCommand,
  overrideRemoveCommand,
  watchCommand,
  jobsCommand,
  hostKeyListCommand,
  hostKeyForgetCommand,
  doctorCommand,
  exportCommand,
];
