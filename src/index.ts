/**
 * The library: what the programs do, for programs.
 *
 *     import { images, pull, run } from 'tspull';
 *     await pull('ubuntu:16.04', { root: '/srv/images' });
 *     const { exitCode } = await run('ubuntu:16.04', ['cat', '/etc/os-release'], { root: '/srv/images', autoRemove: true });
 */
export { type ErrorCode, errorCodes, KnownError } from '../store/errors.js';
export type { ContainerEvent } from './containers/events/journal.js';
export {
  type AttachedStreams,
  type ContainerInfo,
  type CreateOptions,
  containers,
} from './library/containers.js';
export { type ExecByNameOptions, type ExecStreams, exec, startExec } from './library/exec.js';
export { type FsckFinding, type FsckOptions, type FsckReport, fsck, type RepairKind } from './library/fsck.js';
export { images, type PrunedImages, type PruneImagesOptions, type RootOption } from './library/images.js';
export { type RunByNameOptions, run } from './library/run.js';
export { type SandboxOptions, type SandboxResult, sandbox } from './library/sandbox.js';
export { volumes } from './library/volumes.js';
export type { LogEntry } from './life/read-logs.js';
export type { Constraint, LayerAccount, Spent } from './pull/account.js';
export { type Explanation, explain } from './pull/explain.js';
export { type PlannedImage, type PullPlan, plan, type Verdict } from './pull/plan.js';
export { type PulledImage, type PullOptions, pull, pullAll } from './pull/pull.js';
export type { LayerStatus, OnPullEvent, PullEvent, PullNews, Total } from './pull/pull-event.js';
export { type PullManyOptions, type PullOutcome, pullMany } from './pull/pull-many.js';
export { type PushedTag, type PushOptions, push } from './push/push.js';
export type { OnPushEvent, PushEvent } from './push/push-event.js';
export type { RunResult } from './run/run.js';
export type {
  BindMount,
  DeviceRequest,
  MountRequest,
  RunOptions,
  TmpfsMount,
  Ulimit,
  VolumeMount,
} from './run/run-options.js';
export type { FileChange } from './run/sandbox/changes.js';
export type { EndReason } from './run/sandbox/measured-run.js';
