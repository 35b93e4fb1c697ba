// Preloaded into every process that spawnTs starts: file descriptor 3 is a pipe to the parent, and the kernel
// closes it when the parent is gone, however it ended. Then this process ends too.
import { Socket } from "node:net";

const pipe = new Socket({ fd: 3, readable: true, writable: false });
pipe.on("error", () => process.kill(process.pid, "SIGKILL"));
pipe.on("close", () => process.kill(process.pid, "SIGKILL"));
pipe.resume();
pipe.unref();
