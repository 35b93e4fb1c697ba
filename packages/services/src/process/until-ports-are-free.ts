const attemptsMax = 5;
const portTaken = /address already in use|eaddrinuse|port is already in use/i;

/** Starts something on ports that were free a moment ago, again with others when somebody took one meanwhile. */
export async function untilPortsAreFree<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (attempt === attemptsMax || !(error instanceof Error && portTaken.test(error.message))) throw error;
    }
  }
}
