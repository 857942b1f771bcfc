/** From the news of several pulls to one stream of events, with times, rates and totals. */
import type { Emit, OnPullEvent, PullNews, Total } from './pull-event.js';
import { RateMeter } from './rate-meter.js';

const TOTAL_INTERVAL_MS = 500;

interface Layer {
  current: number;
  total: number;
  /** It is this process that fetches it. */
  counts: boolean;
  meter: RateMeter;
}

/** By pull; of the image that is in work, its layers from the lowest up come first. */
type Layers = Map<number, Layer[]>;

export interface EventStream {
  /** For the pull of this number. */
  emitFor(pull: number): Emit;
  /** The last totals. */
  end(): void;
}

export function openEventStream(onEvent: OnPullEvent | undefined): EventStream {
  if (onEvent === undefined) return { emitFor: () => () => {}, end() {} };
  let began: number | undefined;
  const layers: Layers = new Map();
  const meter = new RateMeter();
  let toldMs = Number.NEGATIVE_INFINITY;
  const now = () => {
    began ??= performance.now();
    return Math.round(performance.now() - began);
  };
  const tellTotal = (ms: number) => {
    toldMs = ms;
    onEvent({ ...totalOf(layers, meter, ms), ms });
  };
  return {
    emitFor: (pull) => (news) => {
      const ms = now();
      const rate = follow(layers, pull, news, ms);
      const complete = (news.type === 'progress' ? { ...news, rate } : news) as PullNews;
      onEvent({ ...complete, pull, ms });
      if (news.type === 'progress' && ms - toldMs >= TOTAL_INTERVAL_MS) tellTotal(ms);
    },
    end() {
      if (layers.size > 0) tellTotal(now());
    },
  };
}

/** @returns the rate of the layer that the news are about */
function follow(layers: Layers, pull: number, news: Parameters<Emit>[0], ms: number): number {
  if (news.type === 'manifest') {
    // Of an archive with several images, one comes after the other.
    const fresh = news.layers.map(({ size }) => ({ current: 0, total: size, counts: false, meter: new RateMeter() }));
    layers.set(pull, [...fresh, ...(layers.get(pull) ?? [])]);
  }
  if (news.type !== 'layer' && news.type !== 'progress') return 0;
  const layer = layers.get(pull)?.[news.index];
  if (layer === undefined) return 0;
  if (news.type === 'progress') {
    layer.current = news.current;
    layer.meter.add(ms, news.current);
    return layer.meter.rate();
  }
  if (news.status === 'queued' || news.status === 'downloading') layer.counts = true;
  if (news.status === 'verified') layer.current = layer.total;
  return 0;
}

function totalOf(layers: Layers, meter: RateMeter, ms: number): Total {
  let [current, total] = [0, 0];
  for (const layer of [...layers.values()].flat()) {
    if (!layer.counts) continue;
    current += layer.current;
    total += layer.total;
  }
  meter.add(ms, current);
  const rate = meter.rate();
  return {
    type: 'total',
    current,
    total,
    rate,
    etaMs: rate === 0 ? null : Math.round(((total - current) / rate) * 1000),
  };
}
