/** `tspull --explain`: the endpoints of a name as text or JSON. */
import { printable } from '../../store/printable.js';
import { type Explanation, explain } from '../pull/explain.js';
import type { PullOptions } from '../pull/pull.js';
import type { ExplainedEndpoint } from '../registry/mirrors/explain-endpoints.js';

export interface ExplainOutput {
  json: boolean;
  out(text: string): void;
}

export async function explainOne(name: string, options: PullOptions, { json, out }: ExplainOutput): Promise<void> {
  const explanation = await explain(name, options);
  out(json ? `${JSON.stringify(explanation)}\n` : explanationText(explanation));
}

/** A paragraph for each endpoint, in order. */
export function explanationText({ reference, endpoints, notes }: Explanation): string {
  const paragraphs = endpoints.map((endpoint, index) => {
    const lines = endpointLines(endpoint).map(([word, text]) => `     ${word.padEnd(9)}${text}\n`);
    return `${String(index + 1).padStart(3)}. ${printable(endpoint.urls[0] ?? '')}\n${lines.join('')}`;
  });
  return `${printable(reference)}\n${paragraphs.join('')}${notes.map((note) => `note: ${printable(note)}\n`).join('')}`;
}

function endpointLines(endpoint: ExplainedEndpoint): [string, string][] {
  const { urls, repository, ns, headers, connectTimeoutMs, proxy, from } = endpoint;
  const lines: [string, string][] = [
    ['from', fromText(from)],
    ['for', uses(endpoint)],
    ['as', printable(ns === null ? repository : `${repository}, ns=${ns}`)],
    ['login', loginText(endpoint)],
    ['tls', tlsText(endpoint)],
  ];
  const [, second] = urls;
  if (second !== undefined && second !== urls[0])
    lines.push(['else', `${printable(second)} when there is no TLS server`]);
  if (headers.length > 0) lines.push(['headers', printable(headers.join(', '))]);
  if (connectTimeoutMs !== null) lines.push(['connects', `within ${connectTimeoutMs / 1000} s`]);
  if (proxy !== null) lines.push(['proxy', printable(proxy)]);
  return lines;
}

function fromText({ file, line, section }: ExplainedEndpoint['from']): string {
  if (file === null) return printable(section);
  return printable(`${file}${line === null ? '' : `:${line}`}  ${section}`);
}

function uses({ resolves, pulls }: ExplainedEndpoint): string {
  const parts = [...(resolves ? ['what a tag stands for'] : []), ...(pulls ? ['content by digest'] : [])];
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

function loginText({ login }: ExplainedEndpoint): string {
  if (login === null) return 'none';
  const { file, entry, helper, user } = login;
  if (helper !== null) return printable(`${helper} is asked about ${entry}, as ${file} says`);
  return printable(`${user === null ? 'token' : `user ${user}`}, entry ${entry} in ${file}`);
}

function tlsText({ urls, tls }: ExplainedEndpoint): string {
  if (urls.every((url) => url.startsWith('http:'))) return 'none, plain http';
  const parts = [tls.verify ? 'certificates are verified' : 'certificates are not verified'];
  if (tls.caFiles.length > 0) parts.push(`authorities also in ${tls.caFiles.join(', ')}`);
  if (tls.clientCertificates.length > 0) parts.push(`client certificate ${tls.clientCertificates.join(', ')}`);
  if (tls.folders.length > 0) parts.push(`more in ${tls.folders.join(', ')}`);
  return printable(parts.join('; '));
}
