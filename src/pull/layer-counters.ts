/** Numbers about one layer that a worker thread keeps current, in memory that the main thread reads at any time. */

/** Places of 64-bit floats: bytes, then milliseconds, then bytes for each endpoint by its id. */
const places = {
  current: 0,
  unpacked: 1,
  dnsMs: 2,
  connectMs: 3,
  tlsMs: 4,
  firstByteMs: 5,
  transferMs: 6,
  stallMs: 7,
  decompressMs: 8,
  applyMs: 9,
} as const;

export type Counter = keyof typeof places;

const FIRST_ENDPOINT = 10;
/** What comes from further ones is counted for the last one. */
const MAX_ENDPOINTS = 32;

export class LayerCounters {
  readonly memory: SharedArrayBuffer;
  readonly #values: Float64Array;

  constructor(memory = new SharedArrayBuffer((FIRST_ENDPOINT + MAX_ENDPOINTS) * 8)) {
    this.memory = memory;
    this.#values = new Float64Array(memory);
  }

  get(counter: Counter): number {
    return this.#values[places[counter]] ?? 0;
  }

  set(counter: Counter, value: number): void {
    this.#values[places[counter]] = value;
  }

  add(counter: Counter, value: number): void {
    const place = places[counter];
    this.#values[place] = (this.#values[place] ?? 0) + value;
  }

  addFrom(endpoint: number, bytes: number): void {
    const place = FIRST_ENDPOINT + Math.min(endpoint, MAX_ENDPOINTS - 1);
    this.#values[place] = (this.#values[place] ?? 0) + bytes;
  }

  /** Bytes that came from an endpoint. */
  from(endpoint: number): number {
    return endpoint >= MAX_ENDPOINTS ? 0 : (this.#values[FIRST_ENDPOINT + endpoint] ?? 0);
  }

  /** Everything that was spent stays counted when a layer begins again; its bytes do not. */
  restart(): void {
    this.set('current', 0);
    this.set('unpacked', 0);
  }
}

const phases = ['dnsMs', 'connectMs', 'tlsMs', 'firstByteMs'] as const;
/** A gap between bytes that is no longer the usual way of a network. */
const STALL_MS = 1000;

/**
 * Splits the time of a job in two kinds that take turns: waiting for bytes, and working on them. A look at the clock for each piece of
 * some 64 KiB costs a thousandth of the work on it.
 */
export class LayerClock {
  readonly #counters: LayerCounters;
  #since = performance.now();
  #phases = 0;

  constructor(counters: LayerCounters) {
    this.#counters = counters;
    this.#phases = this.#inPhases();
  }

  /** Bytes have come. What the request itself took is counted there. */
  received(): void {
    const now = performance.now();
    const inPhases = this.#inPhases();
    const waited = Math.max(0, now - this.#since - (inPhases - this.#phases));
    this.#counters.add(waited < STALL_MS ? 'transferMs' : 'stallMs', waited);
    this.#since = now;
    this.#phases = inPhases;
  }

  /** The work on them is done. @param appliedMs of it, by the writer */
  worked(appliedMs: number): void {
    const now = performance.now();
    this.#counters.add('applyMs', appliedMs);
    this.#counters.add('decompressMs', Math.max(0, now - this.#since - appliedMs));
    this.#since = now;
  }

  #inPhases(): number {
    return phases.reduce((sum, phase) => sum + this.#counters.get(phase), 0);
  }
}
