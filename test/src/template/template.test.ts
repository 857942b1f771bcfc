import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullConfig, nilPointer, sharedConfig } from '../../../src/images/config-view.js';
import { jsonText } from '../../../src/template/json-text.js';
import { parseTemplate, renderTemplate } from '../../../src/template/template.js';
import { fromJson, type GoField, type GoStruct, type GoValue, strings } from '../../../src/template/values.js';
import { KnownError } from '../../../store/errors.js';
import { cases } from './cases.js';

const config = {
  Cmd: ['/bin/sh', '-c', 'echo "hi" <b> & done'],
  Env: ['PATH=/bin', 'X=1'],
  Labels: { a: '1', z: '<q>', foo: '' },
  ExposedPorts: { '80/tcp': {}, '53/udp': {} },
  Volumes: { '/v': {} },
  WorkingDir: '/w',
  User: 'u:g',
  StopSignal: 'SIGINT',
  Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000, Retries: 3 },
  Shell: ['/bin/bash', '-c'],
  OnBuild: ['RUN x'],
  Entrypoint: ['/e'],
};
const containerConfig = { Hostname: 'abc', Cmd: ['x'], Image: 'sha256:123' };
const size: GoValue = { kind: 'typed', type: 'int64', text: '100000', json: '100000', underlying: 100000n };
const layers = [
  'sha256:3e0a95327a2b29ab6b99075700f32cf386f02d36033df095059bf61c96fc7a75',
  'sha256:d0b7e2e3899483d3a2334011ef3c46c89b1b51f8f9291f2596cff117fbacdcee',
];

function image(isTyped: boolean): GoStruct {
  const texts: [string, string][] = [
    ['Parent', ''],
    ['Comment', 'last'],
    ['Created', '2020-01-02T03:04:05.678901234Z'],
    ['Container', 'deadbeef'],
    ['DockerVersion', '20.10.1'],
    ['Author', 'Jo <jo@x.y> & co'],
    ['Architecture', 'amd64'],
    ['Os', 'linux'],
  ];
  const fields: GoField[] = [
    {
      name: isTyped ? 'ID' : 'Id',
      value: 'sha256:edd35888203b27f0f60ef741182072c882fd35c56fd1b8db9312746d28751c9c',
      json: 'Id',
    },
    { name: 'RepoTags', value: strings(['multi:1', 'multi:2', 'host.example:5000/x/multi:latest']) },
    { name: 'RepoDigests', value: strings([]) },
    ...texts.map(([name, value]) => ({ name, value })),
    { name: 'ContainerConfig', value: fullConfig(containerConfig) },
    { name: 'Config', value: isTyped ? sharedConfig(config) : fullConfig(config) },
    { name: 'Size', value: size },
    { name: 'VirtualSize', value: size },
    {
      name: 'RootFS',
      value: {
        kind: 'struct',
        type: 'image.RootFS',
        fields: [
          { name: 'Type', value: 'layers' },
          { name: 'Layers', value: strings(layers) },
        ],
      },
    },
    ...(isTyped
      ? [
          { name: 'Variant', value: '' },
          { name: 'Descriptor', value: nilPointer('*v1.Descriptor') },
          { name: 'Manifests', value: strings(null) },
        ]
      : []),
  ];
  return { kind: 'struct', type: 'image.InspectResponse', fields };
}

const typed = image(true);
const plain = fromJson(JSON.parse(jsonText(image(false))));

function render(source: string): string {
  const template = parseTemplate(source);
  try {
    return renderTemplate(template, typed);
  } catch (error) {
    if (!(error instanceof KnownError)) throw error;
    return renderTemplate(template, plain, { missingKeyIsError: true });
  }
}

test(`${cases.length} templates give what Docker gives`, () => {
  assert.ok(cases.length >= 120);
  for (const expected of cases) {
    if ('text' in expected) assert.equal(render(expected.template), expected.text, expected.template);
    else
      assert.throws(
        () => render(expected.template),
        (error: unknown) => {
          assert.ok(error instanceof KnownError, expected.template);
          assert.equal(error.message, `template parsing error: ${expected.error}`, expected.template);
          assert.equal(error.exitCode, expected.parse ? 64 : undefined, expected.template);
          return true;
        },
        expected.template,
      );
  }
});

test('hostile templates end in bounded time with an error or a result', () => {
  const list: GoValue = strings(Array.from({ length: 300 }, (_, index) => String(index)));
  const nested = (depth: number) => `${'{{range $}}'.repeat(depth)}x${'{{end}}'.repeat(depth)}`;
  const hostile: [source: string, message: RegExp][] = [
    [nested(4), /does too much/],
    [nested(5000), /too deeply nested/],
    [`{{${'('.repeat(5000)}1${')'.repeat(5000)}}}`, /too deeply nested/],
    ['{{range 1000000000}}{{end}}', /does too much/],
    ['{{printf "%999999d" 1}}{{range 1000}}{{printf "%999999d" 1}}{{end}}', /output is too long/],
    ['{{pad "x" 99999999 1}}', /too long/],
    ['{{define "x"}}{{template "x"}}{{end}}{{template "x"}}', /not supported/],
  ];
  for (const [source, message] of hostile)
    assert.throws(
      () => renderTemplate(parseTemplate(source), list),
      { code: 'E_TEMPLATE', message },
      source.slice(0, 60),
    );
  assert.equal(renderTemplate(parseTemplate('{{printf "%99999999999d" 1}}'), null), '%!(BADWIDTH)1');
});

test('a key such as __proto__ is a key', () => {
  const data = fromJson(JSON.parse('{"__proto__":{"a":1},"constructor":"c"}'));
  assert.equal(renderTemplate(parseTemplate('{{.__proto__.a}}{{.constructor}}{{.toString}}'), data), '1c<no value>');
});
