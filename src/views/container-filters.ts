/** The `--filter` options of listings of containers. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { findContainer } from '../containers/list-containers.js';
import { findImage, type ImageIndex } from '../images/find.js';
import type { FilterList } from '../images/image-filters.js';
import { labelsOf, mountsOf, networksOf } from './container-facts.js';

const states = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead'];
const healths = ['none', 'starting', 'healthy', 'unhealthy'];

export interface ContainerFilters {
  accepts(record: ContainerRecord): boolean;
  /** Whether containers that do not run are asked for. */
  all: boolean;
}

type Test = (record: ContainerRecord) => boolean;

/** Values of one name are alternatives, but for labels, which must all be there. @throws KnownError `E_USAGE` */
export function containerFilters(root: string, index: () => ImageIndex, list: FilterList): ContainerFilters {
  const byName = new Map<string, string[]>();
  for (const [name, value] of list) byName.set(name, [...(byName.get(name) ?? []), value]);
  const tests = Array.from(byName, ([name, values]) => testFor(root, index, name, values));
  return { accepts: (record) => tests.every((test) => test(record)), all: byName.has('status') };
}

function testFor(root: string, index: () => ImageIndex, name: string, values: readonly string[]): Test {
  const any = (test: (record: ContainerRecord, value: string) => boolean): Test => {
    return (record) => values.some((value) => test(record, value));
  };
  switch (name) {
    case 'id':
      return any(({ id }, value) => matches(value, id));
    case 'name':
      return any((record, value) => matches(value, record.name) || matches(value, `/${record.name}`));
    case 'label': {
      return (record) => values.every((value) => hasLabel(labelsOf(record), value));
    }
    case 'status':
      checkValues(name, values, states);
      return any(({ state }, value) => state === value);
    case 'health':
      checkValues(name, values, healths);
      return any(({ health }, value) => (health?.status ?? 'none') === value);
    case 'exited': {
      const codes = values.map((value) => wholeNumber(name, value));
      return ({ state, exitCode }) => state === 'exited' && codes.includes(exitCode ?? 0);
    }
    case 'before':
      return any(({ created }, value) => created < findContainer(root, value).created);
    case 'since':
      return any(({ created }, value) => created > findContainer(root, value).created);
    case 'network':
      return any((record, value) => networksOf(record).includes(value));
    case 'volume':
      return any((record, value) =>
        mountsOf(record).some((mount) => [mount.name, mount.source, mount.target].includes(value)),
      );
    case 'ancestor': {
      const images = imagesFrom(index(), values);
      return ({ image }) => images.has(image.id);
    }
    default:
      throw new KnownError('E_USAGE', `invalid filter '${printable(name, 100)}'`);
  }
}

/** A regular expression somewhere in the text. */
function matches(pattern: string, text: string): boolean {
  if (pattern === text) return true;
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const [name = '', value] = wanted.split(/=(.*)/s);
  return Object.hasOwn(labels, name) && (value === undefined || labels[name] === value);
}

function checkValues(name: string, values: readonly string[], known: readonly string[]): void {
  const wrong = values.find((value) => !known.includes(value));
  if (wrong !== undefined) throw new KnownError('E_USAGE', `invalid filter '${name}=${printable(wrong, 100)}'`);
}

function wholeNumber(name: string, value: string): number {
  if (/^-?\d{1,9}$/.test(value)) return Number(value);
  throw new KnownError('E_USAGE', `invalid filter '${name}=${printable(value, 100)}'`);
}

/** The images, and those that were made from them; a name that no image has stands for none. */
function imagesFrom(index: ImageIndex, names: readonly string[]): Set<string> {
  const found = new Set<string>();
  for (const name of names) {
    try {
      found.add(findImage(index, name).id);
    } catch (error) {
      if (!(error instanceof KnownError && (error.code === 'E_NO_IMAGE' || error.code === 'E_REFERENCE'))) throw error;
    }
  }
  const all = index.images.list();
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const { id } of all) {
      const parent = index.images.parent(id);
      if (parent !== undefined && found.has(parent)) found.add(id);
    }
  }
  return found;
}
