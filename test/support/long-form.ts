/** `npm run test:faults`: every case instead of a selection, and the time-outs that users have instead of short ones. */
export const isLongForm = process.env['TSPULL_TEST_LONG'] === '1';
