import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthCheck, healthSettings } from '../../../../src/run/spec/health.js';

const second = 1_000_000_000;

test('the check of an image, with Docker’s defaults for what it leaves out', () => {
  const Healthcheck = { Test: ['CMD', 'curl', 'http://localhost'], Interval: 5 * second };
  assert.deepEqual(healthCheck({ Healthcheck }, {}), {
    command: ['curl', 'http://localhost'],
    intervalMs: 5000,
    timeoutMs: 30_000,
    retries: 3,
    startPeriodMs: 0,
    startIntervalMs: 5000,
  });
});

test('what is given takes the place of what the image says, part by part', () => {
  const Healthcheck = { Test: ['CMD', 'curl'], Interval: 5 * second, Retries: 7 };
  const health = { Test: ['CMD-SHELL', 'test -e /ok'], Timeout: second };
  assert.deepEqual(healthSettings({ Healthcheck }, { health }), { ...Healthcheck, ...health });
  const check = healthCheck({ Healthcheck }, { health });
  assert.deepEqual(
    [check?.command, check?.intervalMs, check?.timeoutMs, check?.retries],
    [['/bin/sh', '-c', 'test -e /ok'], 5000, 1000, 7],
  );
});

test('no check: none asked for, switched off, or without a command', () => {
  assert.equal(healthSettings({}, {}), undefined);
  const Healthcheck = { Test: ['CMD', 'true'] };
  assert.equal(healthCheck({ Healthcheck }, { health: { Test: ['NONE'] } }), undefined);
  for (const words of [[], ['CMD'], ['NONE'], ['OTHER', 'x']])
    assert.equal(healthCheck({ Healthcheck: { Test: words } }, {}), undefined);
  assert.equal(healthCheck({ Healthcheck: { Interval: second } }, {}), undefined);
});
