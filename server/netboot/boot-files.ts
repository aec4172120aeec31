/** Files of the boot service: loaders by name out of a few folders, kernels and ramdisks by the paths that flavors tell. */
import { constants, createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../base/errors.ts";
import { grubEntry } from "../../netboot/boot-files/grub.ts";
import {
  grubEntryName,
  parseFlavorFileName,
  parseLoaderConfigName,
  parseScriptFileName,
} from "../../netboot/boot-files/names.ts";
import { FileCache } from "../../netboot/tftp/file-cache.ts";
import type { TftpFile, TftpFileSource } from "../../netboot/tftp/file-source.ts";
import type { ByteSource } from "../api/range.ts";
import type { Services } from "../services.ts";
import type { BootInterface } from "./booter.ts";
import { type BootFiles, bootScript, flavorPath, loaderConfig } from "./routes.ts";

/** Where first loaders are looked for: the site's own, then what Debian's packages and flavors bring. */
export function loaderFolders(
  state: string,
  flavors: { readonly loaderFolders: () => readonly string[] },
): readonly string[] {
  return [
    join(state, "loaders"),
    "/usr/lib/ipxe",
    "/usr/lib/ipxe/qemu",
    "/usr/lib/PXELINUX",
    "/usr/lib/syslinux/modules/bios",
    "/usr/lib/shim",
    "/usr/lib/grub/x86_64-efi-signed",
    "/usr/lib/grub/arm64-efi-signed",
    ...flavors.loaderFolders(),
  ];
}

export function createBootFiles(folders: () => readonly string[]): BootFiles {
  return {
    flavorFile: async (path) => await byteSource(path),
    loader: async (name) => await byteSource(await findLoader(folders(), name)),
  };
}

/** What TFTP sends: loaders, boot scripts for an iPXE without HTTP, and configurations for a site's PXELINUX or GRUB. */
export function createTftpFiles(
  services: Services,
  options: { readonly place: BootInterface; readonly folders: () => readonly string[] },
): TftpFileSource {
  const cache = new FileCache(cacheBytes);
  return {
    open: async (name) => {
      const machine = parseScriptFileName(name);
      if (machine !== undefined) {
        return memoryFile(Buffer.from(bootScript(services, options.place, machine), "latin1"));
      }
      const config = parseLoaderConfigName(name);
      if (config !== undefined) {
        return memoryFile(Buffer.from(loaderConfig(services, options.place, config), "latin1"));
      }
      if (name === grubEntryName) {
        return memoryFile(Buffer.from(grubEntry, "latin1"));
      }
      const asked = parseFlavorFileName(name);
      try {
        return await diskFile(
          cache,
          asked === undefined
            ? await findLoader(options.folders(), name)
            : flavorPath(services, asked.flavor, asked.file),
        );
      } catch (error) {
        if (error instanceof AppError && error.code === "not-found") {
          return undefined;
        }
        throw error;
      }
    },
  };
}

/** Signed loaders, by the names that firmware is told and that a shim asks for: Debian's packages call them otherwise. */
const otherNames: Readonly<Record<string, string>> = {
  "shimx64.efi": "shimx64.efi.signed",
  "shimaa64.efi": "shimaa64.efi.signed",
  "grubx64.efi": "grubnetx64.efi.signed",
  "grubaa64.efi": "grubnetaa64.efi.signed",
};

/** A loader is one file name in one of the folders; a name with a slash is nobody's. */
async function findLoader(folders: readonly string[], name: string): Promise<string> {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name)) {
    const names = Object.hasOwn(otherNames, name) ? [name, otherNames[name] ?? name] : [name];
    for (const path of names.flatMap((one) => folders.map((folder) => join(folder, one)))) {
      const file = await openRegular(path);
      if (file !== undefined) {
        await file.close();
        return path;
      }
    }
  }
  throw new AppError("not-found", `Boot file ${name} does not exist`);
}

/** Opens a regular file without following a symbolic link; undefined where there is none. */
async function openRegular(path: string): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  if ((await file.stat()).isFile()) {
    return file;
  }
  await file.close();
  return undefined;
}

async function byteSource(path: string): Promise<ByteSource> {
  const file = await openRegular(path);
  if (file === undefined) {
    throw new AppError("not-found", `Boot file ${path} does not exist`);
  }
  const { size, mtimeMs, ino } = await file.stat();
  await file.close();
  return {
    size,
    etag: `"${ino.toString(16)}-${Math.round(mtimeMs).toString(16)}-${size.toString(16)}"`,
    read: (start, end) =>
      start >= end ? nothing() : createReadStream(path, { start, end: end - 1, highWaterMark: 256 * 1024 }),
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // An empty file has no bytes to yield.
}

/** Loaders are fetched by many machines at once; a ramdisk of 40 MB is fetched by TFTP only where there is no other way. */
const cacheBytes = 16 << 20;

async function diskFile(cache: FileCache, path: string): Promise<TftpFile> {
  const file = await openRegular(path);
  if (file === undefined) {
    throw new AppError("not-found", `Boot file ${path} does not exist`);
  }
  const { size, dev, ino, mtimeMs, ctimeMs } = await file.stat();
  return cache.share({
    identity: [dev, ino, mtimeMs, ctimeMs, size].join(" "),
    size,
    read: async (offset, length) => {
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    },
    close: async () => await file.close(),
  });
}

function memoryFile(content: Uint8Array): TftpFile {
  return {
    size: content.length,
    read: (offset, length) => content.subarray(offset, offset + length),
    close: () => undefined,
  };
}
