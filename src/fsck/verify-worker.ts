/** The thread's side of {@link verifyTrees}: one layer at a time. It changes nothing and needs no right to. */
import { parentPort } from 'node:worker_threads';
import { type LayerToVerify, verifyLayer } from '../../store/tar/verify-layer.js';

const port = parentPort;
if (port === null) throw new Error('verify-worker runs only as a worker thread');
port.on('message', (layer: LayerToVerify) => port.postMessage(verifyLayer(layer)));
