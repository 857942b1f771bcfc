/**
 * What `inspect` shows of an image. The JSON has the full shape of Docker 20.10 (API 1.41), which later versions only
 * made smaller. A `--format` template sees Go's types as Docker's own command has them, in {@link templateView}.
 */

import type { ImageRecord } from '../../store/images/image-db.js';
import { topLayerOf } from '../../store/images/image-document.js';
import { namesByImage } from '../../store/images/repositories.js';
import { readChain } from '../../store/layers/layer-db.js';
import { type GoField, type GoStruct, type GoTyped, type GoValue, strings } from '../template/values.js';
import { fullConfig, nilPointer, sharedConfig } from './config-view.js';
import type { ImageIndex } from './find.js';
import { type GoTime, parseGoTime, printGoTime } from './go-time.js';
import { graphDriver } from './graph-driver.js';
import { historyOf, member, recordOf, textOf } from './image-fields.js';

type ConfigView = (document: Readonly<Record<string, unknown>>) => GoStruct;

/** The struct behind the JSON. */
export function jsonView(index: ImageIndex, image: ImageRecord): GoStruct {
  return imageView(index, image, { config: fullConfig, isTemplate: false });
}

/** The struct that templates see first; what it lacks (`.Config.Hostname`) they find in the JSON. */
export function templateView(index: ImageIndex, image: ImageRecord): GoStruct {
  return imageView(index, image, { config: sharedConfig, isTemplate: true });
}

interface ViewOptions {
  config: ConfigView;
  isTemplate: boolean;
}

function imageView(index: ImageIndex, image: ImageRecord, { config, isTemplate }: ViewOptions): GoStruct {
  const { document } = image;
  const text = (name: string, key: string, omitEmpty = false): GoField => ({
    name,
    value: textOf(document, key),
    omitEmpty,
  });
  const size = int64(imageSize(index.root, image));
  const ownConfig = recordOf(document, 'config');
  return {
    kind: 'struct',
    type: 'image.InspectResponse',
    fields: [
      { name: isTemplate ? 'ID' : 'Id', value: image.id, json: 'Id' },
      ...nameFields(index, image),
      { name: 'Parent', value: index.images.parent(image.id) ?? '' },
      { name: 'Comment', value: commentOf(document) },
      { name: 'Created', value: parseGoTime(member(document, 'created')).text },
      text('Container', 'container', isTemplate),
      { name: 'ContainerConfig', value: fullConfig(recordOf(document, 'container_config') ?? {}) },
      text('DockerVersion', 'docker_version'),
      text('Author', 'author'),
      { name: 'Config', value: ownConfig === undefined ? nilPointer('*v1.DockerOCIImageConfig') : config(ownConfig) },
      text('Architecture', 'architecture'),
      text('Variant', 'variant', true),
      { name: 'Os', value: textOf(document, 'os') || 'linux' },
      text('OsVersion', 'os.version', true),
      { name: 'Size', value: size },
      { name: 'VirtualSize', value: size, omitEmpty: isTemplate },
      { name: 'GraphDriver', value: graphDriver(index.root, topLayerOf(image)) },
      { name: 'RootFS', value: rootFs(image) },
      { name: 'Metadata', value: metadata(index, image) },
      ...(isTemplate ? absentFields : []),
    ],
  };
}

/** What newer daemons add and ours never has. */
const absentFields: GoField[] = [
  { name: 'Descriptor', value: nilPointer('*v1.Descriptor'), omitEmpty: true },
  { name: 'Manifests', value: { kind: 'slice', element: 'image.ManifestSummary', items: null }, omitEmpty: true },
];

function nameFields(index: ImageIndex, { id }: ImageRecord): GoField[] {
  const names = namesByImage(index.repositories).get(id) ?? [];
  const keys = (wanted: 'tag' | 'digest') => names.filter((name) => name[wanted] !== undefined).map(({ key }) => key);
  return [
    { name: 'RepoTags', value: strings(keys('tag')) },
    { name: 'RepoDigests', value: strings(keys('digest')) },
  ];
}

/** Images made by others keep their comment in the last line of the history. */
function commentOf(document: ImageRecord['document']): string {
  return textOf(document, 'comment') || (historyOf(document).at(-1)?.comment ?? '');
}

function int64(value: number): GoTyped {
  const text = String(value);
  return { kind: 'typed', type: 'int64', text, json: text, underlying: BigInt(value) };
}

/** Bytes of all layers together. */
export function imageSize(root: string, image: ImageRecord): number {
  const top = topLayerOf(image);
  const chain = top === undefined ? [] : (readChain(root, top) ?? []);
  return chain.reduce((sum, layer) => sum + layer.size, 0);
}

function rootFs({ document, diffIds }: ImageRecord): GoStruct {
  return {
    kind: 'struct',
    type: 'image.RootFS',
    fields: [
      { name: 'Type', value: textOf(recordOf(document, 'rootfs') ?? {}, 'type') },
      { name: 'Layers', value: strings(diffIds), omitEmpty: true },
    ],
  };
}

function metadata(index: ImageIndex, { id }: ImageRecord): GoValue {
  const time = timeValue(parseGoTime(index.images.lastUpdated(id)));
  return { kind: 'struct', type: 'image.Metadata', fields: [{ name: 'LastTagTime', value: time }] };
}

function timeValue(time: GoTime): GoTyped {
  return {
    kind: 'typed',
    type: 'time.Time',
    text: printGoTime(time),
    json: JSON.stringify(time.text),
    underlying: null,
  };
}
