/** An image of the golden client with that kernel. The small one knows virtio and NVMe, and its initramfs is soon built. */
import type { GoldenKernel } from "../lab/golden-recipe.ts";
import type { Lab } from "../lab/lab.ts";

export async function captureGolden(lab: Lab, image: string, kernel: GoldenKernel): Promise<void> {
  const golden = await lab.golden({ kernel, name: image });
  await lab.ingot("node", "add", image, "--mac", golden.mac, "--ip", golden.address);
  await golden.start();
  await golden.waitForSsh(900_000);
  await lab.ingot("capture", image, golden.address, "--message", "golden");
  await golden.stop();
}
