/**
 * In which order layers are begun, when so many can be in work at a time. The lowest comes first, because layers are registered from the
 * bottom up; but once what is left is no more than one large layer and its equals beside it, that layer must not wait: begun last it would
 * be in work alone.
 */
export function startOrder<T>(layers: readonly T[], places: number, sizeOf: (layer: T) => number): T[] {
  const left = [...layers];
  let bytes = left.reduce((sum, layer) => sum + sizeOf(layer), 0);
  const order: T[] = [];
  while (left.length > 0) {
    const largest = left.reduce((best, layer, at) => (sizeOf(layer) > sizeOf(left[best] as T) ? at : best), 0);
    const next = sizeOf(left[largest] as T) * places >= bytes ? largest : 0;
    const [layer] = left.splice(next, 1) as [T];
    bytes -= sizeOf(layer);
    order.push(layer);
  }
  return order;
}
