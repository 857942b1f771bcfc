/** Image configs (image-spec config.md), with the fields that Docker adds. */
import { KnownError } from '../errors.js';
import { printable } from '../printable.js';
import { type DiffId, parseDiffId } from './digest.js';
import {
  arrayField,
  booleanField,
  commandField,
  field,
  fieldsOf,
  integerField,
  setField,
  stringField,
  stringMapField,
  stringsField,
  wrong,
} from './fields.js';
import type { Manifest } from './manifest.js';
import { type Json, type JsonObject, parseStrictJson } from './strict-json.js';

export interface ImageConfig {
  /** Empty when the config does not say; Docker then takes its own. */
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
  readonly osVersion: string;
  /** RFC 3339, as written; empty when absent. */
  readonly created: string;
  readonly author: string;
  readonly diffIds: readonly DiffId[];
  readonly history: readonly HistoryEntry[];
  readonly config: RunConfig;
  /** Everything, as parsed. */
  readonly document: JsonObject;
}

export interface HistoryEntry {
  readonly created: string;
  readonly createdBy: string;
  readonly author: string;
  readonly comment: string;
  readonly emptyLayer: boolean;
}

/** How a container of the image runs when nothing else is asked for. */
export interface RunConfig {
  readonly user: string;
  readonly workingDir: string;
  readonly env: readonly string[];
  /** undefined where the image has none, which differs from an empty list. */
  readonly cmd: readonly string[] | undefined;
  readonly entrypoint: readonly string[] | undefined;
  readonly shell: readonly string[] | undefined;
  readonly onBuild: readonly string[];
  readonly volumes: readonly string[];
  readonly exposedPorts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
  readonly healthcheck: Healthcheck | undefined;
}

/** Durations are nanoseconds; 0 means the default. */
export interface Healthcheck {
  readonly test: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

/** Largest image config in bytes; dockerd took one of 9 MiB. */
export const maxConfigBytes = 16 * 1024 * 1024;

const keys = [
  'created',
  'author',
  'architecture',
  'os',
  'os.version',
  'os.features',
  'variant',
  'config',
  'rootfs',
  'history',
];
const historyKeys = ['created', 'created_by', 'author', 'comment', 'empty_layer'];
const runKeys = [
  'User',
  'WorkingDir',
  'Env',
  'Cmd',
  'Entrypoint',
  'Shell',
  'OnBuild',
  'Volumes',
  'ExposedPorts',
  'Labels',
  'StopSignal',
  'Healthcheck',
];
const healthKeys = ['Test', 'Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries'];

/**
 * Reads an image config. `null` counts as absent, as in Go.
 *
 * @throws KnownError `E_DOCUMENT`, or `E_UNSUPPORTED` for another operating system.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const document = parseStrictJson(bytes, { what: 'image config', numbers: 'any' });
  const fields = fieldsOf(document, 'image config', keys);
  const os = stringField(fields, 'os') ?? '';
  if (os !== '' && os !== 'linux')
    throw new KnownError(
      'E_UNSUPPORTED',
      `image operating system "${printable(os, 100)}" cannot be used on this platform`,
    );
  const diffIds = readDiffIds(field(fields, 'rootfs'));
  const history = (arrayField(fields, 'history') ?? []).map((entry, i) => readHistory(entry, `history entry ${i}`));
  if (history.filter((entry) => !entry.emptyLayer).length > diffIds.length)
    throw wrong('image config', 'has too many non-empty layers in History section');
  return {
    os,
    architecture: stringField(fields, 'architecture') ?? '',
    variant: stringField(fields, 'variant') ?? '',
    osVersion: stringField(fields, 'os.version') ?? '',
    created: stringField(fields, 'created') ?? '',
    author: stringField(fields, 'author') ?? '',
    diffIds,
    history,
    config: readRunConfig(field(fields, 'config') ?? {}),
    document: fields.object,
  };
}

/**
 * @throws KnownError `E_DOCUMENT` in Docker's words, when a config cannot belong to its manifest.
 */
export function assertLayersMatch(manifest: Manifest, config: ImageConfig): void {
  if (manifest.layers.length !== config.diffIds.length) throw layersDoNotMatch();
}

/** The text for a config whose diffIDs are not those of the layers. */
export function layersDoNotMatch(): KnownError {
  return new KnownError('E_DOCUMENT', "layers from manifest don't match image configuration");
}

function readDiffIds(value: Json | undefined): DiffId[] {
  if (value === undefined) throw new KnownError('E_DOCUMENT', 'invalid image JSON, no RootFS key');
  const fields = fieldsOf(value, 'image config: rootfs', ['type', 'diff_ids']);
  const type = stringField(fields, 'type');
  if (type !== 'layers') throw wrong('image config: rootfs', 'does not have type "layers"');
  return (arrayField(fields, 'diff_ids') ?? []).map(parseDiffId);
}

function readHistory(value: Json, what: string): HistoryEntry {
  const fields = fieldsOf(value, what, historyKeys);
  return {
    created: stringField(fields, 'created') ?? '',
    createdBy: stringField(fields, 'created_by') ?? '',
    author: stringField(fields, 'author') ?? '',
    comment: stringField(fields, 'comment') ?? '',
    emptyLayer: booleanField(fields, 'empty_layer'),
  };
}

function readRunConfig(value: Json): RunConfig {
  const fields = fieldsOf(value, 'image config: config', runKeys);
  return {
    user: stringField(fields, 'User') ?? '',
    workingDir: stringField(fields, 'WorkingDir') ?? '',
    env: stringsField(fields, 'Env') ?? [],
    cmd: commandField(fields, 'Cmd'),
    entrypoint: commandField(fields, 'Entrypoint'),
    shell: commandField(fields, 'Shell'),
    onBuild: stringsField(fields, 'OnBuild') ?? [],
    volumes: setField(fields, 'Volumes') ?? [],
    exposedPorts: setField(fields, 'ExposedPorts') ?? [],
    labels: stringMapField(fields, 'Labels') ?? {},
    stopSignal: stringField(fields, 'StopSignal') ?? '',
    healthcheck: readHealthcheck(field(fields, 'Healthcheck')),
  };
}

function readHealthcheck(value: Json | undefined): Healthcheck | undefined {
  if (value === undefined) return undefined;
  const fields = fieldsOf(value, 'image config: Healthcheck', healthKeys);
  return {
    test: stringsField(fields, 'Test') ?? [],
    interval: integerField(fields, 'Interval') ?? 0,
    timeout: integerField(fields, 'Timeout') ?? 0,
    startPeriod: integerField(fields, 'StartPeriod') ?? 0,
    startInterval: integerField(fields, 'StartInterval') ?? 0,
    retries: integerField(fields, 'Retries') ?? 0,
  };
}
