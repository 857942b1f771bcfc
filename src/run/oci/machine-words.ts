/** Numbers of 64 bits in JSON, where JavaScript's would be rounded: a string that {@link jsonWithWords} writes as digits. */
const MARK = '\u0001';

export function machineWords(value: bigint | string): string {
  return `${MARK}${value}`;
}

export function jsonWithWords(document: object): string {
  return JSON.stringify(document, undefined, 2).replaceAll(/"\\u0001(\d+)"/g, '$1');
}
