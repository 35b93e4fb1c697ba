import { basename, dirname } from "node:path";
import type { FileSystem, LogFile, OpenMode } from "../ports/file-system.ts";
import type { Fault, FileOperation } from "./fault-plan.ts";
import { fileError, FaultPlan } from "./fault-plan.ts";
import type { Random } from "./simulated-file.ts";
import { SimulatedFile } from "./simulated-file.ts";

interface Folder {
  readonly visible: Map<string, SimulatedFile>;
  durable: Map<string, SimulatedFile>;
  /** Renames, creates and removals since the last sync of the folder, oldest first. */
  changes: ((entries: Map<string, SimulatedFile>) => void)[];
}

/**
 * A disk in memory that loses power. Bytes are durable after `dataSync`, names after `syncDirectory`; of everything else a
 * loss of power keeps what it likes: any sectors of a write, and the first few of the changes to a folder, none or all.
 * After a `dataSync` that failed, what was written is still seen and can no longer be made durable, as on Linux.
 * Folders themselves are there from their first use on. All chance comes from `random`: the same seed gives the same disk.
 */
export class SimulatedDisk implements FileSystem {
  readonly #folders = new Map<string, Folder>();
  readonly #plan = new FaultPlan();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** How often each call was made. */
  get calls(): ReadonlyMap<FileOperation, number> {
    return this.#plan.calls;
  }

  /** Arms one fault; an earlier one is forgotten. */
  arm(fault: Fault | null): void {
    this.#plan.arm(fault);
  }

  /** Called before each call takes effect; what it throws is what the call throws. */
  set beforeCall(listener: (operation: FileOperation) => void) {
    this.#plan.beforeCall = listener;
  }

  /** The disk as the next process finds it after `kill -9`: everything that was written is there. */
  afterKill(): SimulatedDisk {
    const files = new Map<SimulatedFile, SimulatedFile>();
    return this.#copy((folder) => ({
      visible: kept(folder.visible, files, (file) => file.afterKill()),
      durable: kept(folder.durable, files, (file) => file.afterKill()),
      changes: [],
    }));
  }

  /** The disk as the next process finds it after a loss of power. */
  afterPowerLoss(): SimulatedDisk {
    const files = new Map<SimulatedFile, SimulatedFile>();
    return this.#copy((folder) => {
      const entries = new Map(folder.durable);
      const survivors = Math.floor(this.#random() * (folder.changes.length + 1));
      for (const change of folder.changes.slice(0, survivors)) change(entries);
      const visible = kept(entries, files, (file) => file.afterPowerLoss(this.#random));
      return { visible, durable: new Map(visible), changes: [] };
    });
  }

  /** Puts a file there, durably. */
  put(path: string, contents: Buffer): void {
    const folder = this.#folder(dirname(path));
    const file = new SimulatedFile(Buffer.from(contents));
    folder.visible.set(basename(path), file);
    folder.durable.set(basename(path), file);
  }

  /** What a file holds, or `null`. */
  contents(path: string): Buffer | null {
    return this.#folders.get(dirname(path))?.visible.get(basename(path))?.visible ?? null;
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#turn();
    this.#plan.pass("makeDirectory");
    this.#folder(path);
  }

  async list(path: string): Promise<readonly string[]> {
    await this.#turn();
    this.#plan.pass("list");
    const folder = this.#folders.get(path);
    if (folder === undefined) throw fileError("ENOENT", path);
    const inside = [...this.#folders.keys()].filter((inner) => inner !== path && dirname(inner) === path);
    return [...folder.visible.keys(), ...inside.map((inner) => basename(inner))];
  }

  async open(path: string, mode: OpenMode): Promise<LogFile> {
    await this.#turn();
    this.#plan.pass(mode === "create" ? "create" : "open");
    const folder = this.#folder(dirname(path));
    const name = basename(path);
    const known = folder.visible.get(name);
    if (mode !== "create") {
      if (known === undefined) throw fileError("ENOENT", path);
      return this.#handle(known);
    }
    if (known !== undefined) throw fileError("EEXIST", path);
    const file = new SimulatedFile();
    alter(folder, (entries) => entries.set(name, file));
    return this.#handle(file);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#turn();
    this.#plan.pass("rename");
    const [source, target] = [this.#folder(dirname(from)), this.#folder(dirname(to))];
    const file = source.visible.get(basename(from));
    if (file === undefined) throw fileError("ENOENT", from);
    if (source === target) {
      alter(target, (entries) => {
        entries.set(basename(to), file);
        entries.delete(basename(from));
      });
      return;
    }
    // Between two folders the new name is durable at once: no file system loses a file that was moved.
    target.visible.set(basename(to), file);
    target.durable.set(basename(to), file);
    alter(source, (entries) => entries.delete(basename(from)));
  }

  async remove(path: string): Promise<void> {
    await this.#turn();
    this.#plan.pass("remove");
    const folder = this.#folder(dirname(path));
    if (folder.visible.has(basename(path))) alter(folder, (entries) => entries.delete(basename(path)));
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#turn();
    this.#plan.pass("syncDirectory");
    const folder = this.#folder(path);
    folder.durable = new Map(folder.visible);
    folder.changes = [];
  }

  #handle(file: SimulatedFile): LogFile {
    return {
      write: async (bytes, position) => {
        await this.#turn();
        const fault = this.#plan.meet("write", bytes, position);
        if (fault === null) return file.write(bytes, position);
        file.write(bytes.subarray(0, fault.tornBytes ?? 0), position);
        throw fault.error;
      },
      read: async (into, position) => {
        await this.#turn();
        const fault = this.#plan.meet("read");
        if (fault !== null && fault.tornBytes === undefined) throw fault.error;
        const end = position + Math.min(into.length, fault?.tornBytes ?? Infinity);
        return file.visible.subarray(position, end).copy(into);
      },
      dataSync: async () => {
        await this.#turn();
        const fault = this.#plan.meet("dataSync");
        if (fault === null) return file.sync();
        file.failSync(this.#random);
        throw fault.error;
      },
      truncate: async (length) => {
        await this.#turn();
        this.#plan.pass("truncate");
        file.truncate(length);
      },
      size: async () => {
        await this.#turn();
        return file.visible.length;
      },
      close: () => this.#turn(),
    };
  }

  #folder(path: string): Folder {
    let folder = this.#folders.get(path);
    if (folder === undefined) {
      folder = { visible: new Map(), durable: new Map(), changes: [] };
      this.#folders.set(path, folder);
      if (dirname(path) !== path) this.#folder(dirname(path));
    }
    return folder;
  }

  #copy(copyOf: (folder: Folder) => Folder): SimulatedDisk {
    const disk = new SimulatedDisk(this.#random);
    for (const [path, folder] of this.#folders) disk.#folders.set(path, copyOf(folder));
    return disk;
  }

  /** Calls that are made together end in any order. */
  async #turn(): Promise<void> {
    for (let turns = Math.floor(this.#random() * 4); turns >= 0; turns -= 1) await Promise.resolve();
  }
}

function alter(folder: Folder, apply: (entries: Map<string, SimulatedFile>) => void): void {
  apply(folder.visible);
  folder.changes.push(apply);
}

/** Copies entries; a file that has two names stays one. */
function kept(
  entries: ReadonlyMap<string, SimulatedFile>,
  files: Map<SimulatedFile, SimulatedFile>,
  copyOf: (file: SimulatedFile) => SimulatedFile,
): Map<string, SimulatedFile> {
  return new Map(
    Array.from(entries, ([name, file]) => {
      const copy = files.get(file) ?? copyOf(file);
      files.set(file, copy);
      return [name, copy];
    }),
  );
}
