/** Reads the elements for arrays, volume groups, encrypted volumes and boot loaders. */
import { AttributeReader } from "./attributes.ts";
import { decodeForeign, splitChildren, unknownElement, unlessDash } from "./decode-element.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { LayoutBootloader, LayoutCrypt, LayoutLvm, LayoutRaid, LayoutVolumeGroup } from "./model.ts";

const raidSettings = [
  "raid_level",
  "raid_devices",
  "spare_devices",
  "persistence",
  "rounding",
  "layout",
  "chunk_size",
  "lvm_group",
  "metadata",
];
const groupSettings = ["max_log_vols", "max_phys_vols", "phys_extent_size"];

/** Both the classic `<raid name= devices=>` and the older `<raid><raid_disk …/></raid>`. */
export function decodeRaid(reader: AttributeReader, diagnostics: Diagnostic[]): readonly LayoutRaid[] {
  const members = splitChildren(reader.element, diagnostics).items.filter(
    ({ element }) => element.name === "raid_disk",
  );
  if (members.length > 0) {
    return members.flatMap(({ element, comments }) =>
      decodeRaid(new AttributeReader({ element, comments, diagnostics }), diagnostics),
    );
  }
  const name = reader.required("name");
  const devices = (reader.optional("devices") ?? "").split(/[\s,]+/).filter((device) => device !== "");
  const settings = reader.settings(raidSettings);
  return [{ ...reader.finish(), name, devices, settings }];
}

function decodeGroup(reader: AttributeReader, diagnostics: Diagnostic[]): LayoutVolumeGroup {
  const name = reader.required("name");
  const settings = reader.settings(groupSettings);
  const own = reader.finish();
  const volumes = splitChildren(reader.element, diagnostics).items.flatMap(({ element, comments }) => {
    if (element.name !== "lv") {
      diagnostics.push(unknownElement(element, "lvm_group"));
      return [];
    }
    const volume = new AttributeReader({ element, comments, diagnostics });
    const volumeName = volume.required("name");
    const size = volume.required("size");
    const options = volume.optional("lv_options");
    return [{ ...volume.finish(), name: volumeName, size, ...(options === undefined ? {} : { options }) }];
  });
  return { ...own, name, settings, volumes };
}

export function decodeLvm(reader: AttributeReader, diagnostics: Diagnostic[]): LayoutLvm {
  const version = reader.optional("version");
  const own = reader.finish();
  const groups = splitChildren(reader.element, diagnostics).items.flatMap(({ element, comments }) => {
    if (element.name !== "lvm_group") {
      diagnostics.push(unknownElement(element, "lvm"));
      return [];
    }
    return [decodeGroup(new AttributeReader({ element, comments, diagnostics }), diagnostics)];
  });
  return { ...own, groups, ...(version === undefined ? {} : { version }) };
}

export function decodeCrypt(reader: AttributeReader): LayoutCrypt {
  const name = reader.required("name");
  const device = reader.required("device");
  const volumeGroup = unlessDash(reader.optional("lvm_group"));
  const options = reader.optional("options");
  return {
    ...reader.finish(),
    name,
    device,
    ...(volumeGroup === undefined ? {} : { volumeGroup }),
    ...(options === undefined ? {} : { options }),
  };
}

export function decodeBootloader(reader: AttributeReader): LayoutBootloader {
  const flavor = reader.required("flavor").toLowerCase();
  const settings = reader.settings(["install_type", "default_entry", "timeout"]);
  const targets = splitChildren(reader.element, []).items.map(({ element, comments }) =>
    decodeForeign(element, comments),
  );
  return { ...reader.finish(), flavor, settings, targets };
}
