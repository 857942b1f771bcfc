import { isRecord } from '../../store/images/image-document.js';
import type { GoStruct, GoValue } from '../template/values.js';

/** Members of inspect that are maps in Docker's types: their keys are data, and JSON has them sorted. */
const maps = ['Labels', 'Data', 'Config.LogConfig', 'Networks', 'Ports', 'PortBindings', 'Tmpfs', 'Sysctls'];
/** Members that JSON has only when there is something in them. */
const optional = ['Tmpfs', 'Sysctls', 'StopSignal', 'Init'];

/** A document as Docker's own structs have it, so that members keep their order and numbers are numbers. */
export function goStruct(type: string, document: Readonly<Record<string, unknown>>): GoStruct {
  return {
    kind: 'struct',
    type,
    fields: Object.entries(document).map(([key, value]) => ({
      name: key === 'Id' ? 'ID' : key,
      json: key,
      value: goValue(value, type === 'LogConfig' && key === 'Config' ? 'Config.LogConfig' : key),
      omitEmpty: optional.includes(key),
    })),
  };
}

function goValue(value: unknown, name: string): GoValue {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) {
    const element = value.every((item) => typeof item === 'string') ? 'string' : 'interface {}';
    return { kind: 'slice', element, items: value.map((item) => goValue(item, name)) };
  }
  if (!isRecord(value)) return null;
  if (!maps.includes(name)) return goStruct(name, value);
  const entries = Object.entries(value).map(([key, item]): [string, GoValue] => [key, goValue(item, '')]);
  const element = entries.every(([, item]) => typeof item === 'string') ? 'string' : 'interface {}';
  return { kind: 'map', element, entries: new Map(entries) };
}
