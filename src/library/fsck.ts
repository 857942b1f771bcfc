/** `fsck` of the library: what `tsimage fsck` does, for programs. */
export { type FsckOptions, fsck } from '../fsck/fsck.js';
export type { FsckFinding, FsckReport, RepairKind } from '../fsck/report.js';
