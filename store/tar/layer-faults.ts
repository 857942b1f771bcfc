/** What can be wrong with an unpacked layer, and a list of it that a hostile layer cannot make long. */

export type FaultKind =
  /** The bytes of a file are not those of the archive. */
  | 'content'
  | 'missing'
  /** Something that the archive does not have. */
  | 'extra'
  /** A file where a directory should be, and the like. */
  | 'type'
  | 'mode'
  | 'owner'
  | 'time'
  | 'attribute'
  | 'link-target'
  | 'hard-link'
  | 'device'
  /** The device or the kernel refuses to give it. */
  | 'unreadable'
  /** The record of the archive's headers is damaged. */
  | 'record'
  /** Everything fits its record, but together it is another archive. */
  | 'digest';

export interface LayerFault {
  readonly kind: FaultKind;
  /** Path in the layer as latin1 bytes; undefined for what concerns all of it. */
  readonly name: string | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
}

/** More are counted only. */
const MAX_LISTED = 100;

export class LayerFaults {
  readonly list: LayerFault[] = [];
  count = 0;

  add(kind: FaultKind, name: string | undefined, expected?: string, found?: string): void {
    this.count++;
    if (this.list.length < MAX_LISTED) this.list.push({ kind, name, expected, found });
  }
}
