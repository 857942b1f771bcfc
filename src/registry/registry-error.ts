/** Error answers of registries and token servers, in Docker's words (distribution-spec, "Error Codes"). */

import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { loginToProxy, proxyError, tryLater } from './network-error.js';

/** What was asked for, as the user names it. */
export interface Subject {
  /** `ubuntu`, `localhost:5000/x` */
  readonly name: string;
  /** The name with tag or digest, when a manifest was asked for. */
  readonly reference?: string;
  /** It was not to be pulled, but written to. */
  readonly isPush?: boolean;
}

export interface ErrorAnswer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers?: IncomingHttpHeaders;
}

interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hasDetail: boolean;
}

// Messages of the specification; Docker shows the bare code when a registry adds nothing to them.
const standardMessages: Readonly<Record<string, string>> = {
  UNAUTHORIZED: 'authentication required',
  DENIED: 'requested access to the resource is denied',
  NAME_UNKNOWN: 'repository name not known to registry',
  NAME_INVALID: 'invalid repository name',
  MANIFEST_UNKNOWN: 'manifest unknown',
  BLOB_UNKNOWN: 'blob unknown to registry',
  TOOMANYREQUESTS: 'too many requests',
  UNAVAILABLE: 'service unavailable',
  UNSUPPORTED: 'The operation is unsupported.',
};

/**
 * @param secrets - what must not be shown even when the server repeats it.
 */
export function registryError(answer: ErrorAnswer, subject: Subject, secrets: readonly string[] = []): KnownError {
  const { status } = answer;
  if (status >= 500 || status < 400)
    return new KnownError(
      'E_REGISTRY',
      `received unexpected HTTP status: ${status} ${STATUS_CODES[status] ?? ''}`.trim(),
      { hint: tryLater },
    );
  if (status === 407)
    return proxyError('the proxy wants a user and a password that it knows: 407 Proxy Authentication Required', {
      stays: true,
      hint: loginToProxy,
    });
  const problem = parseProblem(answer.body) ?? impliedProblem(answer);
  if (problem === undefined) {
    const text = redact(answer.body.toString('utf8', 0, 400), secrets);
    return new KnownError(
      codeFor(status, ''),
      `error parsing HTTP ${status} response body: not JSON: "${printable(text, 200)}"`,
      { hint: 'what answers is no registry, or something before it: check the name, and HTTPS_PROXY' },
    );
  }
  const text = printable(redact(problemText(problem), secrets), 400);
  if (status === 429) return new KnownError('E_REGISTRY', text, { hint: limitHint(answer) });
  return explain(problem.code, text, status, subject);
}

/** What the registry asks for is shown in its own words: seconds or a date. */
function limitHint({ headers }: ErrorAnswer): string {
  const asked = headers?.['retry-after'];
  const when = asked === undefined ? 'try again later' : `the registry says when to try again: ${printable(asked, 60)}`;
  return `${when}; with a login ('docker login') the limit may be higher`;
}

function explain(code: string, text: string, status: number, { name, reference, isPush }: Subject): KnownError {
  if (code === 'MANIFEST_UNKNOWN' && reference !== undefined)
    return new KnownError('E_NOT_FOUND', `manifest for ${reference} not found: ${text}`);
  if (code === 'NAME_UNKNOWN') return new KnownError('E_NOT_FOUND', `repository ${name} not found: ${text}`);
  if (code === 'DENIED' && isPush)
    return new KnownError('E_DENIED', text, {
      hint: `log in with 'tsimage login' as somebody who may write to ${name}`,
    });
  if (code === 'DENIED')
    return new KnownError(
      'E_DENIED',
      `pull access denied for ${name}, repository does not exist or may require 'docker login': ${text}`,
    );
  const kind = codeFor(status, code);
  if (kind === 'E_DENIED')
    return new KnownError(kind, text, { hint: `log in with 'docker login', or check the name ${name}` });
  return new KnownError(kind, text);
}

function codeFor(status: number, code: string): 'E_DENIED' | 'E_NOT_FOUND' | 'E_REGISTRY' {
  if (status === 401 || status === 403 || code === 'UNAUTHORIZED') return 'E_DENIED';
  return status === 404 ? 'E_NOT_FOUND' : 'E_REGISTRY';
}

function problemText({ code, message, hasDetail }: Problem): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  const addsNothing = message === '' || (message === standardMessages[code] && !hasDetail);
  return addsNothing ? words : `${words}: ${message}`;
}

/** The first error of `{"errors": [{"code", "message", "detail"}]}`, or `{"details"}` of Docker Hub's token server. */
function parseProblem(body: Buffer): Problem | undefined {
  const document = parseJson(body);
  const first = property(property(document, 'errors'), '0');
  const [code, message] = [property(first, 'code'), property(first, 'message')];
  if (typeof code === 'string' && code !== '') {
    const detail = property(first, 'detail');
    return {
      code,
      message: typeof message === 'string' ? message : '',
      hasDetail: detail !== undefined && detail !== null,
    };
  }
  const details =
    property(document, 'details') ?? property(document, 'error_description') ?? property(document, 'message');
  return typeof details === 'string' ? { code: 'UNAUTHORIZED', message: details, hasDetail: true } : undefined;
}

/** What a status says by itself when the body is empty. */
function impliedProblem({ status, body }: ErrorAnswer): Problem | undefined {
  if (body.toString('latin1').trim() !== '' && status !== 429 && status !== 401) return undefined;
  const codes: Readonly<Record<number, string>> = { 401: 'UNAUTHORIZED', 403: 'DENIED', 429: 'TOOMANYREQUESTS' };
  const code = codes[status];
  return code === undefined ? undefined : { code, message: standardMessages[code] ?? '', hasDetail: true };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

export function redact(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length >= 3)
    .reduce((result, secret) => result.replaceAll(secret, '***'), text);
}
