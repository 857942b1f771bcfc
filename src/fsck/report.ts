/** What an examination says, for programs and for people. */
import type { ChainId, ImageId } from '../../store/oci/digest.js';
import type { FaultKind, LayerFault } from '../../store/tar/layer-faults.js';
import type { Area, Finding, Fix } from '../../store/upkeep/finding.js';
import type { LayerTruth } from '../../store/upkeep/layer-truths.js';
import { recordPath } from '../../store/upkeep/survey.js';

/** Of the report; a field that changes its meaning raises it, one that is added does not. */
export const fsckVersion = 1;

/** What a repair does: writes a small file again, fetches a blob or document, removes what nobody needs, or nothing. */
export type RepairKind = 'rewrite' | 'fetch' | 'remove' | 'none';

export interface FsckFinding {
  area: Area;
  /** Below the data root. */
  path: string;
  /** In words. */
  problem: string;
  layer: ChainId | undefined;
  cacheId: string | undefined;
  image: ImageId | undefined;
  container: string | undefined;
  /** Path in the layer. */
  file: string | undefined;
  expected: string | undefined;
  found: string | undefined;
  repair: RepairKind;
  /** After a repair: whether it is right now. */
  repaired: boolean;
  /** Why nothing is done, or why what was done failed. */
  reason: string | undefined;
}

export interface FsckReport {
  version: typeof fsckVersion;
  root: string;
  /** Trees were not read. */
  quick: boolean;
  images: number;
  layers: number;
  /** Of archives that were put together again. */
  bytes: number;
  findings: FsckFinding[];
  /** Nothing is wrong, or nothing any more. */
  clean: boolean;
}

const repairOf: Record<Fix['kind'], RepairKind> = {
  write: 'rewrite',
  symlink: 'rewrite',
  directory: 'rewrite',
  'recover-names': 'rewrite',
  'find-directory': 'rewrite',
  remove: 'remove',
  release: 'remove',
  'fetch-layer': 'fetch',
  'fetch-config': 'fetch',
  'fetch-manifest': 'fetch',
  none: 'none',
};

export function shownFinding(
  finding: Finding,
  outcome: { repaired: boolean; reason?: string | undefined },
): FsckFinding {
  const { area, path, problem, layer, cacheId, image, container, file, expected, found, fix } = finding;
  return {
    area,
    path: utf8(path),
    problem,
    layer,
    cacheId,
    image,
    container,
    file: file && utf8(file),
    expected: expected && utf8(expected),
    found: found && utf8(found),
    repair: repairOf[fix.kind],
    repaired: outcome.repaired,
    reason: outcome.reason ?? (fix.kind === 'none' ? fix.why : undefined),
  };
}

/** Names are bytes in latin1 strings everywhere else. */
function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8').slice(0, 1000);
}

const problems: Record<FaultKind, string> = {
  content: 'its content has changed',
  missing: 'it is missing',
  extra: 'the layer has no such file',
  type: 'it is something else',
  mode: 'its mode is wrong',
  owner: 'its owner is wrong',
  time: 'its time is wrong',
  attribute: 'an extended attribute is wrong',
  'link-target': 'it points elsewhere',
  'hard-link': 'it is no longer the same file as another one',
  device: 'it is another device',
  unreadable: 'it cannot be read',
  record: 'the record of its archive is damaged',
  digest: 'everything fits its record, but not the digest of the layer',
};

export function findingOfFault({ chainId, cacheId }: LayerTruth, fault: LayerFault): Finding {
  const { kind, name, expected, found } = fault;
  const isRecord = kind === 'record' || kind === 'digest' || (kind === 'missing' && name === undefined);
  const tree = `overlay2/${cacheId}/diff`;
  const path = isRecord ? `${recordPath(chainId)}/tar-split.json.gz` : name ? `${tree}/${name}` : tree;
  return {
    area: isRecord ? 'layer-record' : 'layer-tree',
    path,
    problem: problems[kind],
    layer: chainId,
    cacheId,
    file: name === '' ? undefined : name,
    expected,
    found,
    fix: { kind: 'fetch-layer', layer: chainId },
  };
}
