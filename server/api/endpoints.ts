/**
 * The endpoints of the daemon's API. The CLI, the console and the tests speak exactly the shapes in schema/; docs/api.md is
 * checked against the list here.
 *
 * Admin endpoints (all below `/api`) are reached over `STATE/ingot.sock` (the socket's owner is the administrator), or over
 * HTTPS with `Authorization: Bearer TOKEN`. Failures are `Problem` documents (`application/problem+json`).
 * Long work answers 202 with `JobsStarted`; its life is followed as Server-Sent Events:
 * every `data:` line is one `JobEvent`, its `id:` the event's id, and `Last-Event-ID` or `?after=` resumes.
 * A stream of one job ends after the event that says done, failed or cancelled.
 */

/** METHOD path → request body (if any) → answer. `NODES` is names, ranges and groups: `web[01-16],@compute,db1`. */
export const endpoints = {
  status: "GET /api/status", //                              → Status
  nodes: "GET /api/nodes", //              ?select=NODES     → NodeList
  nodesAdd: "POST /api/nodes", //          NodesAdd          → NodeList (201)
  nodesSet: "PATCH /api/nodes", //         NodesSet          → NodeList
  nodesRemove: "DELETE /api/nodes", //     ?select=NODES     → NodeList (those removed)
  node: "GET /api/nodes/{name}", //                          → Node
  nodeLog: "GET /api/nodes/{name}/log", //                   → text/plain: the log of the last install
  deploy: "POST /api/deploy", //           DeployRequest     → JobsStarted (202), one job per node
  localboot: "POST /api/localboot", //     NodesRequest      → NodeList
  rescue: "POST /api/rescue", //           RescueRequest     → NodeList
  discovered: "GET /api/discovered", //                      → DiscoveredList
  discoveredAdopt: "POST /api/discovered/adopt", // AdoptRequest → NodeList (201)
  discoveredChange: "POST /api/discovered", // DiscoveredChange → DiscoveredList
  update: "POST /api/update", //           UpdateRequest     → JobsStarted, one job per node
  drift: "POST /api/drift", //             DriftRequest      → JobsStarted, one job per node
  overrides: "GET /api/overrides", //                        → OverrideList
  overrideRemove: "DELETE /api/overrides/{name}", //         → 204
  overridesPush: "POST /api/overrides/push", // OverridesPush → JobsStarted, one job per node
  nodeOverrides: "GET /api/nodes/{name}/overrides", // ?image=IMAGE → NodeOverrides
  prepare: "POST /api/prepare", //         PrepareRequest    → JobsStarted
  capture: "POST /api/capture", //         CaptureRequest    → JobsStarted
  images: "GET /api/images", //                              → ImageList
  image: "GET /api/images/{name}", //           ?version=N → ImageDetails
  imageDiff: "GET /api/images/{name}/diff", //  ?from=N&to=N → ImageDiff
  imageFile: "GET /api/images/{name}/file", // ?path=PATH&from=N&to=N → FileVersions
  imageCommit: "POST /api/images/{name}/commit", // CommitRequest → JobsStarted
  imageVerify: "POST /api/images/{name}/verify", // VerifyRequest → JobsStarted
  imageRollback: "POST /api/images/{name}/rollback", // RollbackRequest → JobsStarted
  imageTag: "POST /api/images/{name}/tags", // TagRequest    → VersionTags
  imageUntag: "DELETE /api/images/{name}/tags/{tag}", //     → VersionTags
  imageCopy: "POST /api/images/{name}/copy", // CopyRequest  → JobsStarted
  imageMove: "POST /api/images/{name}/move", // MoveRequest  → JobsStarted
  imageImport: "POST /api/images/{name}/import", // ImportRequest → JobsStarted
  imageExport: "POST /api/images/{name}/export", // ExportRequest → JobsStarted
  systemImager: "POST /api/systemimager", //                  TakeOverRequest → JobsStarted, or TakeOverPlan with dryRun
  imagePrune: "POST /api/images/{name}/prune", // PruneRequest → PruneResult
  imageRemove: "DELETE /api/images/{name}", //               → 204
  imageLayout: "GET /api/images/{name}/layout", // ?version=N → text/plain: the version's autoinstallscript.conf (latin1)
  imageContent: "GET /api/images/{name}/content", // ?version=N → ImageContent: how much of it lies in which filesystem
  imageLock: "POST /api/images/{name}/lock", //  LockRequest → ImageLock (201); held by `ingot image chroot`
  imageUnlock: "DELETE /api/images/{name}/lock", // ?token=  → 204
  flavors: "GET /api/flavors", //                            → FlavorList
  flavorBuild: "POST /api/flavors", //     FlavorRequest     → JobsStarted
  flavorRemove: "DELETE /api/flavors/{name}", //             → 204
  jobs: "GET /api/jobs", //                ?active=1&limit=N → JobList, newest first
  job: "GET /api/jobs/{id}", //                              → Job
  jobCancel: "POST /api/jobs/{id}/cancel", //                → Job
  jobRerun: "POST /api/jobs/{id}/rerun", //                  → JobsStarted
  jobEvents: "GET /api/jobs/{id}/events", // ?after=ID       → SSE of JobEvent; with Accept: application/json → EventList
  events: "GET /api/events", //            ?after=ID         → SSE of JobEvent of all jobs, without end
  client: "GET /api/client", //                              → ClientLine: the line that `ingot client` prints
  hostKeys: "GET /api/host-keys", //                         → HostKeyList
  hostKeyForget: "DELETE /api/host-keys", // ?host=HOST      → HostKeyList (those forgotten)
} as const;
