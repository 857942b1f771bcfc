/** The `Config` of an image as Docker's inspect shows it, in the order of Docker's own structs. */
import { type GoField, type GoStruct, type GoTyped, type GoValue, stringMap, strings } from '../template/values.js';
import { flagOf, integerOf, recordOf, setOf, textMapOf, textOf, wordsOf } from './image-fields.js';

type Document = Readonly<Record<string, unknown>>;

const nothing: GoStruct = { kind: 'struct', type: 'struct {}', fields: [] };

/** A nil pointer: shown as `<nil>`, absent from JSON where empty fields are. */
export function nilPointer(type: string): GoTyped {
  return { kind: 'typed', type, text: '<nil>', json: 'null', underlying: '' };
}

function setValue(keys: readonly string[] | null): GoValue {
  return { kind: 'map', element: 'struct {}', entries: keys && new Map(keys.map((key) => [key, nothing])) };
}

/** Nanoseconds, printed as Go prints a duration: `1m30s`, `1.5s`, `250ms`. */
export function durationValue(nanoseconds: bigint): GoTyped {
  const json = String(nanoseconds);
  return { kind: 'typed', type: 'time.Duration', text: durationText(nanoseconds), json, underlying: nanoseconds };
}

function durationText(nanoseconds: bigint): string {
  if (nanoseconds < 0n) return `-${durationText(-nanoseconds)}`;
  const value = Number(nanoseconds);
  if (value === 0) return '0s';
  if (value < 1e3) return `${value}ns`;
  if (value < 1e6) return `${value / 1e3}µs`;
  if (value < 1e9) return `${value / 1e6}ms`;
  const hours = nanoseconds / 3_600_000_000_000n;
  const minutes = (nanoseconds / 60_000_000_000n) % 60n;
  const seconds = Number(nanoseconds % 60_000_000_000n) / 1e9;
  return `${hours > 0n ? `${hours}h` : ''}${hours > 0n || minutes > 0n ? `${minutes}m` : ''}${seconds}s`;
}

function healthCheck(document: Document): GoValue {
  const health = recordOf(document, 'Healthcheck');
  if (health === undefined) return nilPointer('*container.HealthConfig');
  const duration = (name: string): GoField => ({
    name,
    value: durationValue(integerOf(health, name) ?? 0n),
    omitEmpty: true,
  });
  return {
    kind: 'struct',
    type: 'container.HealthConfig',
    fields: [
      { name: 'Test', value: strings(wordsOf(health, 'Test')), omitEmpty: true },
      ...['Interval', 'Timeout', 'StartPeriod', 'StartInterval'].map(duration),
      { name: 'Retries', value: integerOf(health, 'Retries') ?? 0n, omitEmpty: true },
    ],
  };
}

/** The full struct of Docker's own images; this is `ContainerConfig`, and `Config` in the API of Docker 20.10. */
export function fullConfig(document: Document): GoStruct {
  const text = (name: string): GoField => ({ name, value: textOf(document, name) });
  const flag = (name: string): GoField => ({ name, value: flagOf(document, name) });
  const words = (name: string): GoField => ({ name, value: strings(wordsOf(document, name)) });
  const optional = (field: GoField): GoField => ({ ...field, omitEmpty: true });
  const timeout = integerOf(document, 'StopTimeout');
  return {
    kind: 'struct',
    type: 'container.Config',
    fields: [
      ...['Hostname', 'Domainname', 'User'].map(text),
      ...['AttachStdin', 'AttachStdout', 'AttachStderr'].map(flag),
      optional({ name: 'ExposedPorts', value: setValue(setOf(document, 'ExposedPorts')) }),
      ...['Tty', 'OpenStdin', 'StdinOnce'].map(flag),
      ...['Env', 'Cmd'].map(words),
      optional({ name: 'Healthcheck', value: healthCheck(document) }),
      optional(flag('ArgsEscaped')),
      text('Image'),
      { name: 'Volumes', value: setValue(setOf(document, 'Volumes')) },
      text('WorkingDir'),
      words('Entrypoint'),
      optional(flag('NetworkDisabled')),
      optional(text('MacAddress')),
      words('OnBuild'),
      { name: 'Labels', value: stringMap(textMapOf(document, 'Labels')) },
      optional(text('StopSignal')),
      // A pointer: zero is a value, so only nil is left out.
      optional({ name: 'StopTimeout', value: timeout === undefined ? nilPointer('*int') : pointerTo(timeout) }),
      optional(words('Shell')),
    ],
  };
}

function pointerTo(value: bigint): GoTyped {
  return { kind: 'typed', type: '*int', text: String(value), json: String(value), underlying: null };
}

/** The part that images share between all tools; templates of Docker's own command see `Config` in this shape. */
export function sharedConfig(document: Document): GoStruct {
  const text = (name: string): GoField => ({ name, value: textOf(document, name), omitEmpty: true });
  const words = (name: string): GoField => ({ name, value: strings(wordsOf(document, name)), omitEmpty: true });
  const set = (name: string): GoField => ({ name, value: setValue(setOf(document, name)), omitEmpty: true });
  const image: GoStruct = {
    kind: 'struct',
    type: 'v1.ImageConfig',
    fields: [
      text('User'),
      set('ExposedPorts'),
      ...['Env', 'Entrypoint', 'Cmd'].map(words),
      set('Volumes'),
      text('WorkingDir'),
      { name: 'Labels', value: stringMap(textMapOf(document, 'Labels')), omitEmpty: true },
      text('StopSignal'),
      { name: 'ArgsEscaped', value: flagOf(document, 'ArgsEscaped'), omitEmpty: true },
    ],
  };
  const extension: GoStruct = {
    kind: 'struct',
    type: 'v1.DockerOCIImageConfigExt',
    fields: [
      { name: 'Healthcheck', value: healthCheck(document), omitEmpty: true },
      ...['OnBuild', 'Shell'].map(words),
    ],
  };
  return {
    kind: 'struct',
    type: '*v1.DockerOCIImageConfig',
    fields: [
      { name: 'ImageConfig', value: image, embedded: true },
      { name: 'DockerOCIImageConfigExt', value: extension, embedded: true },
    ],
  };
}
