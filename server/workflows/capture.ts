/** Inspecting and capturing a golden client. */
import { encodeLayout } from "../../autoinstall/layout/encode.ts";
import { layoutFromFacts } from "../../autoinstall/layout/from-facts.ts";
import { formatByteSize } from "../../base/quantity.ts";
import type { GoldenFacts, MountFacts } from "../../images/capture/facts.ts";
import type { CaptureRequest as ImageCaptureRequest, PreparedClient } from "../../images/capture/request.ts";
import { captureImage, prepareClient } from "../../images/capture/run.ts";
import type { ImageName } from "../../images/manifest.ts";
import type { CaptureRequest, CaptureResult, PrepareRequest, PrepareResult } from "../api/schema/capture.ts";
import type { Json } from "../jobs/job.ts";
import type { JobHandler } from "../jobs/runner.ts";
import type { Services } from "../services.ts";
import { ruleSources, targetOf, withSession } from "./session.ts";

/** The text of autoinstallscript.conf for a client. */
export function layoutText(facts: GoldenFacts): string {
  return encodeLayout(layoutFromFacts(facts).layout);
}

export function prepareHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress }) => {
      const params = job.params as PrepareRequest;
      progress({ phase: "connect", message: `Connecting to ${params.host}` });
      const prepared = await withSession(services(), { ...params, signal }, async (session) => {
        progress({ phase: "inspect", message: `Inspecting ${params.host}` });
        return await prepareClient({ session, layout: layoutText, write: true, signal });
      });
      return prepareResult(params.host, prepared) satisfies Json;
    },
  };
}

function prepareResult(host: string, prepared: PreparedClient): PrepareResult {
  const { facts } = prepared;
  const diagnostics = layoutFromFacts(facts).diagnostics.map(({ message }) => message);
  return {
    host,
    hostname: facts.hostname,
    os: facts.os.prettyName,
    kernel: facts.kernel,
    machine: facts.machine,
    firmware: facts.firmware,
    bootLoader: facts.bootLoader.kind,
    disks: facts.disks.map((disk) => ({
      device: disk.device,
      size: disk.size,
      partitions: disk.partitions.length,
      ...(disk.label === undefined ? {} : { label: disk.label }),
      ...(disk.model === undefined ? {} : { model: disk.model }),
    })),
    mounts: [
      ...prepared.captured.map((mount) => mountView(mount, facts, true)),
      ...prepared.leftOut.map((mount) => mountView(mount, facts, false)),
    ],
    layout: prepared.layout ?? layoutText(facts),
    rules: prepared.rules.map((rule) => ({ ...rule })),
    notes: [
      `a capture takes at most ${prepared.entries} entries and ${formatByteSize(prepared.bytes)}`,
      ...diagnostics,
      ...prepared.warnings,
    ],
  };
}

function mountView(
  mount: MountFacts,
  facts: GoldenFacts,
  captured: boolean,
): PrepareResult["mounts"][number] {
  const used = facts.filesystems.find(({ mountPoint }) => mountPoint === mount.mountPoint)?.used;
  return {
    mountPoint: mount.mountPoint,
    source: mount.source,
    type: mount.type,
    kind: mount.kind,
    captured,
    ...(used === undefined ? {} : { used }),
  };
}

function captureOptions(params: CaptureRequest): Partial<ImageCaptureRequest> {
  const { oneFileSystem, before, after, checksum, nice, limit } = params;
  return {
    ...(oneFileSystem === undefined ? {} : { oneFileSystem }),
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    ...(checksum === undefined ? {} : { checksum }),
    ...(nice === undefined ? {} : { nice }),
    ...(limit === undefined ? {} : { limit }),
  };
}

export function captureHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress, message, log }) => {
      const params = job.params as CaptureRequest;
      const { clock, store, versions } = services();
      progress({ phase: "connect", message: `Connecting to ${targetOf(services(), params).host}` });
      const result = await withSession(
        services(),
        { ...params, signal },
        async (session) =>
          await captureImage({
            session,
            store,
            image: params.image as ImageName,
            layout: layoutText,
            ...(params.message === undefined ? {} : { message: params.message }),
            ...ruleSources(params),
            ...captureOptions(params),
            clock,
            log,
            onProgress: progress,
            signal,
          }),
      );
      versions.record(await store.resolve({ image: result.image, number: result.version }));
      for (const warning of result.warnings) {
        message("warn", warning);
      }
      const leftOut = result.leftOut
        .filter(({ kind }) => kind !== "pseudo")
        .map((mount) => `${mount.mountPoint} (${mount.type}) was left out: ${mount.kind}`);
      return {
        image: result.image,
        version: result.version,
        files: result.files,
        bytes: result.bytes,
        sentFiles: result.sentFiles,
        sentBytes: result.sentBytes,
        notes: [
          ...(result.changed ? [] : ["nothing had changed: no new version was made"]),
          ...leftOut,
          ...result.warnings,
        ],
      } satisfies CaptureResult;
    },
  };
}
