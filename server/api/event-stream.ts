/** Server-Sent Events (WHATWG HTML section 9.2) of job events. */
import { fromUtf8 } from "../../base/bytes.ts";
import type { JobEvent } from "../jobs/job.ts";
import { streamBody } from "./router.ts";

export function eventStream(
  events: AsyncIterable<JobEvent>,
  options: { readonly onEnd: () => void },
): Response {
  return new Response(streamBody(encode(events, options.onEnd)), {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    },
  });
}

async function* encode(events: AsyncIterable<JobEvent>, onEnd: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield fromUtf8("retry: 2000\n\n");
    for await (const event of events) {
      yield fromUtf8(`id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
    }
  } finally {
    onEnd();
  }
}
