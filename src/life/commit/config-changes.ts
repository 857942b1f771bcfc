/** The instructions of a Dockerfile that `commit --change` takes, applied to the configuration of an image. */
import { posix } from 'node:path';
import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';

/** The `config` of an image; the names are the format's. */
export type ImageConfig = Record<string, unknown>;

/** @throws KnownError E_USAGE with Docker's text for an instruction that cannot be applied */
export function applyChange(config: ImageConfig, change: string): ImageConfig {
  const [, word = '', rest = ''] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(change) ?? [];
  const instruction = instructions[word.toUpperCase()];
  if (instruction === undefined)
    throw new KnownError('E_USAGE', `${printable(word.toLowerCase())} is not a valid change command`);
  if (rest === '' && !mayBeEmpty.includes(word.toUpperCase()))
    throw new KnownError('E_USAGE', `${word.toUpperCase()} requires at least one argument`);
  return { ...config, ...instruction(rest, config) };
}

/** They then say that there is none. */
const mayBeEmpty = ['CMD', 'ENTRYPOINT'];

const instructions: Record<string, (rest: string, config: ImageConfig) => ImageConfig> = {
  CMD: (rest) => ({ Cmd: command(rest) }),
  ENTRYPOINT: (rest) => ({ Entrypoint: command(rest) }),
  ENV: (rest, { Env }) => ({ Env: withVariables(listOf(Env), pairs(rest)) }),
  EXPOSE: (rest, { ExposedPorts }) => ({ ExposedPorts: { ...mapOf(ExposedPorts), ...keys(words(rest).map(port)) } }),
  LABEL: (rest, { Labels }) => ({ Labels: { ...mapOf(Labels), ...Object.fromEntries(pairs(rest)) } }),
  ONBUILD: (rest, { OnBuild }) => ({ OnBuild: [...listOf(OnBuild), rest] }),
  USER: (rest) => ({ User: rest }),
  VOLUME: (rest, { Volumes }) => ({ Volumes: { ...mapOf(Volumes), ...keys(jsonWords(rest) ?? words(rest)) } }),
  WORKDIR: (rest, { WorkingDir }) => ({ WorkingDir: posix.resolve('/', String(WorkingDir ?? ''), rest) }),
  HEALTHCHECK: (rest) => ({ Healthcheck: healthCheck(rest) }),
};

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const mapOf = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {});
const keys = (names: readonly string[]): object => Object.fromEntries(names.map((name) => [name, {}]));
const port = (text: string): string => (text.includes('/') ? text : `${text}/tcp`);

/** JSON is the words themselves, other text is for the shell. */
function command(text: string): string[] | null {
  if (text === '') return null;
  return jsonWords(text) ?? ['/bin/sh', '-c', text];
}

function jsonWords(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return undefined;
}

/** `A=1 B="two words"`, or `A the rest`. */
function pairs(text: string): [string, string][] {
  const [first = '', ...others] = words(text);
  if (!first.includes('=')) return [[first, text.slice(text.indexOf(first) + first.length).trim()]];
  return [first, ...others].map((word) => {
    const equals = word.indexOf('=');
    if (equals < 1)
      throw new KnownError(
        'E_USAGE',
        `Syntax error - can't find = in ${JSON.stringify(printable(word))}. Must be of the form: name=value`,
      );
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/** Separated by blanks that are not quoted; quotes go, a backslash takes the next character as it is. */
function words(text: string): string[] {
  const found = text.match(/(?:\\[\s\S]|"(?:\\[\s\S]|[^"\\])*"|'[^']*'|[^\s\\"'])+/g) ?? [];
  return found.map((word) =>
    word.replaceAll(/\\([\s\S])|"((?:\\[\s\S]|[^"\\])*)"|'([^']*)'/g, (_all, escaped, double, single) =>
      escaped !== undefined ? escaped : double !== undefined ? double.replaceAll(/\\([\s\S])/g, '$1') : single,
    ),
  );
}

function withVariables(env: readonly string[], added: readonly [string, string][]): string[] {
  const result = [...env];
  for (const [name, value] of added) {
    const at = result.findIndex((entry) => entry.startsWith(`${name}=`));
    result.splice(at < 0 ? result.length : at, at < 0 ? 0 : 1, `${name}=${value}`);
  }
  return result;
}

const times: Record<string, string> = { interval: 'Interval', timeout: 'Timeout', 'start-period': 'StartPeriod' };
const units: Record<string, number> = { ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

function healthCheck(text: string): object {
  const check: Record<string, unknown> = {};
  let rest = text;
  for (let flag = /^--([a-z-]+)=(\S+)\s+/.exec(rest); flag !== null; flag = /^--([a-z-]+)=(\S+)\s+/.exec(rest)) {
    const [all, name = '', value = ''] = flag;
    const field = times[name];
    if (field !== undefined) check[field] = nanoseconds(value);
    else if (name === 'retries' && /^\d+$/.test(value)) check['Retries'] = Number(value);
    else throw new KnownError('E_USAGE', `unknown flag of HEALTHCHECK: --${printable(name)}=${printable(value)}`);
    rest = rest.slice(all.length);
  }
  if (/^none$/i.test(rest)) return { Test: ['NONE'] };
  const [, kind, shell = ''] = /^(cmd)\s+([\s\S]+)$/i.exec(rest) ?? [];
  if (kind === undefined)
    throw new KnownError('E_USAGE', `unknown type "${printable(rest.split(/\s/)[0] ?? '')}" in HEALTHCHECK (try CMD)`);
  const listed = jsonWords(shell);
  return { Test: listed === undefined ? ['CMD-SHELL', shell] : ['CMD', ...listed], ...check };
}

function nanoseconds(text: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text))
    throw new KnownError('E_USAGE', `time: invalid duration ${JSON.stringify(printable(text))}`);
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g);
  return [...parts].reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (units[unit] ?? 0), 0);
}
