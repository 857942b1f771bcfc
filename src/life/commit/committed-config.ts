import { openImageDb } from '../../../store/images/image-db.js';
import { isRecord } from '../../../store/images/image-document.js';
import { parseImageId } from '../../../store/oci/digest.js';
import type { ContainerRecord } from '../../containers/container-record.js';
import type { RunOptions } from '../../run/run-options.js';
import type { ImageConfig } from './config-changes.js';

/** The configuration of a container's image with what the container was made with: what its committed image starts as. */
export function committedConfig(root: string, record: ContainerRecord): ImageConfig {
  const found = openImageDb(root).get(parseImageId(record.image.id))?.document['config'];
  const image: ImageConfig = isRecord(found) ? found : { ...record.request?.config };
  const { command = [], options = {} } = (record.request ?? {}) as { command?: string[]; options?: RunOptions };
  const { Labels } = image;
  return {
    ...image,
    ...(options.user !== undefined && { User: options.user }),
    ...(options.workdir !== undefined && { WorkingDir: options.workdir }),
    ...(options.stopSignal !== undefined && { StopSignal: options.stopSignal }),
    ...(options.hostname !== undefined && { Hostname: options.hostname }),
    Env: mergedEnvironment(image['Env'], options.env ?? []),
    ...commandOf(image, record, command, options),
    Labels: { ...(isRecord(Labels) ? Labels : {}), ...record.labels },
    Volumes: withAnonymous(image['Volumes'], record),
  };
}

/** Of a container that was made for one run only the whole command is known. */
function commandOf(
  image: ImageConfig,
  record: ContainerRecord,
  command: string[],
  { entrypoint }: RunOptions,
): ImageConfig {
  if (record.request === undefined) return { Entrypoint: null, Cmd: record.command };
  if (entrypoint !== undefined) return { Entrypoint: entrypoint, Cmd: command };
  return { Entrypoint: image['Entrypoint'] ?? null, Cmd: command.length > 0 ? command : (image['Cmd'] ?? null) };
}

/** Docker's order: what was given, then what only the image has. */
function mergedEnvironment(image: unknown, added: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of added) merged.set(nameOf(entry), entry);
  for (const entry of Array.isArray(image) ? image.map(String) : [])
    if (!merged.has(nameOf(entry))) merged.set(nameOf(entry), entry);
  return [...merged.values()];
}

const nameOf = (entry: string): string => entry.split('=')[0] ?? '';

function withAnonymous(image: unknown, { mounts = [] }: ContainerRecord): object {
  const own = mounts.flatMap((mount) => (mount.type === 'volume' && mount.anonymous ? [[mount.target, {}]] : []));
  return { ...(isRecord(image) ? image : {}), ...Object.fromEntries(own) };
}
