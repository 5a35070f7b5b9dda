// Finds a TCP port on loopback without a listener. Another process may take it a moment later: callers retry.

import { createServer } from 'node:net';

/** A port of 127.0.0.1 that was free just now; the kernel picks it. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.on('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
