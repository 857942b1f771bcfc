import { openImageDb } from '../../store/images/image-db.js';
import { isRecord, topLayerOf } from '../../store/images/image-document.js';
import type { ImageId } from '../../store/oci/digest.js';
import type { ImageHealthcheck, ImageRunConfig, RunImage } from './run-options.js';

/** What a run needs of an image in the store; undefined when there is no such image, or a damaged one. */
export function readRunImage(root: string, id: ImageId, name: string): RunImage | undefined {
  const record = openImageDb(root).get(id);
  if (record === undefined) return undefined;
  return { name, id, chainId: topLayerOf(record), config: runConfig(record.document['config']) };
}

/** Takes what has the right type; the document comes from whoever built the image. */
function runConfig(config: unknown): ImageRunConfig {
  if (!isRecord(config)) return {};
  const list = (key: string): string[] | null => {
    const value = config[key];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : null;
  };
  const text = (key: string): string | null => {
    const value = config[key];
    return typeof value === 'string' ? value : null;
  };
  return {
    Env: list('Env'),
    Cmd: list('Cmd'),
    Entrypoint: list('Entrypoint'),
    User: text('User'),
    WorkingDir: text('WorkingDir'),
    StopSignal: text('StopSignal'),
    Volumes: isRecord(config['Volumes']) ? (config['Volumes'] as Record<string, object>) : null,
    Labels: labels(config['Labels']),
    Healthcheck: healthcheck(config['Healthcheck']),
  };
}

function labels(value: unknown): Record<string, string> | null {
  if (!isRecord(value)) return null;
  const texts = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(texts);
}

function healthcheck(value: unknown): ImageHealthcheck | null {
  if (!isRecord(value)) return null;
  const { Test: test } = value;
  const words = Array.isArray(test) ? test.filter((word) => typeof word === 'string') : undefined;
  const numbers = (['Interval', 'Timeout', 'Retries', 'StartPeriod', 'StartInterval'] as const).flatMap((key) => {
    const number = value[key];
    return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? [[key, number]] : [];
  });
  return { ...(words && { Test: words }), ...Object.fromEntries(numbers) };
}
