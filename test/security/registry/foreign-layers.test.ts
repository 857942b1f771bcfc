/** Layers that name other places where they are said to lie. Nobody but the registry is asked (CVE-2020-15157). */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { on, status } from '../../../fixtures/registry/faults.js';
import { pull } from '../../../src/pull/pull.js';
import { listenFor } from '../../support/listener.js';
import { missing } from '../../support/needs.js';
import { serveImage } from '../../support/serve.js';
import { checkStore } from '../../support/store-state.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

const types = [
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+gzip',
];

describe('urls of a layer', { concurrency: true, skip: missing('root') }, () => {
  for (const mediaType of types)
    for (const served of [true, false])
      test(`of type ${mediaType}, which the registry ${served ? 'has' : 'does not have'} (R11, R12)`, async (t) => {
        const elsewhere = await listenFor(t, (response) =>
          response.writeHead(302, { location: 'http://127.0.0.1:1/latest/meta-data' }).end(),
        );
        const { name } = await serveImage(t, {
          layers: [tar(file('a', 'a'.repeat(1000)))],
          format: mediaType.includes('docker') ? 'docker' : 'oci',
          editManifest: (manifest) => ({
            ...manifest,
            layers: (manifest['layers'] as object[]).map((layer) => ({
              ...layer,
              mediaType,
              urls: [`${elsewhere.url}/layer`, 'file:///etc/passwd'],
            })),
          }),
          ...(!served && { fault: on(/\/blobs\//, layersAreMissing()) }),
        });
        const root = join(tempDir(t), 'root');
        if (served) {
          await pull(name, { root });
          checkStore(root);
        } else await assert.rejects(pull(name, { root }), { code: 'E_NOT_FOUND' });
        assert.equal(elsewhere.connections(), 0);
      });
});

/** The first blob that is asked for is the config. */
function layersAreMissing(): ReturnType<typeof status> {
  let config: string | undefined;
  return (question, answer, response) => {
    config ??= question.url.pathname;
    return question.url.pathname === config ? answer : status(404)(question, answer, response);
  };
}
