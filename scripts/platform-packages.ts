/** The part of package-lock.json that matters here. */
export interface Lock {
  packages: Record<string, LockedPackage>;
}

interface LockedPackage {
  version?: string;
  resolved?: string;
  link?: boolean;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  engines?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const exact = /^\d+\.\d+\.\d+(-[\w.]+)?$/;
const systems: Readonly<Record<string, string>> = { windows: "win32" };
const processors: Readonly<Record<string, string>> = { "64": "x64" };
const libraries: Readonly<Record<string, string>> = {
  gnu: "glibc",
  gnueabihf: "glibc",
  musl: "musl",
  musleabihf: "musl",
};
const platform =
  /(?<os>aix|android|darwin|freebsd|linux|openharmony|sunos|win32|windows)-(?<cpu>arm64|arm|x64|ia32|ppc64|riscv64|s390x|loong64|64)(-(?<libc>gnueabihf|gnu|musleabihf|musl|msvc|eabi))?$/;

/**
 * Platform packages that a locked package wants and the lock does not have. `npm ci` refuses such a lock, and on
 * a machine of that platform the package would be missing. It comes about when the registry that wrote the lock
 * does not serve every platform.
 */
export function missingPlatformPackages(
  lock: Lock,
): { readonly name: string; readonly version: string; readonly dev: boolean }[] {
  const missing = new Map<string, { name: string; version: string; dev: boolean }>();
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (resolves(lock, path, name) || missing.has(name)) continue;
      missing.set(name, {
        name,
        version: exact.test(version) ? version : (entry.version ?? version),
        dev: entry.dev ?? false,
      });
    }
  }
  return [...missing.values()];
}

/**
 * Platform packages that npm would leave out, without a word, because of the Node that runs the installation. The
 * scripts run on the Node from npm, so an older one is good enough to install.
 */
export function pickyPlatformPackages(lock: Lock): string[] {
  const picky = Object.entries(lock.packages).filter(
    ([, entry]) => entry.optional && entry.os && entry.engines,
  );
  return picky.map(([path]) => path);
}

/** Adds what is missing, by name and version only (npm finds its checksum where it installs it), and drops what is picky. */
export function completeLock(lock: Lock): Lock {
  const packages = { ...lock.packages };
  for (const path of pickyPlatformPackages(lock)) {
    const { engines: _, ...entry } = packages[path] ?? {};
    packages[path] = entry;
  }
  for (const { name, version, dev } of missingPlatformPackages(lock)) {
    packages[`node_modules/${name}`] = {
      version,
      ...platformOf(name),
      ...(dev ? { dev } : {}),
      optional: true,
    };
  }
  const sorted = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, "en"));
  return { ...lock, packages: Object.fromEntries(sorted) };
}

/** Addresses in the lock that are not the public registry's: they would work on one machine only. */
export function foreignAddresses(lock: Lock): string[] {
  return Object.values(lock.packages)
    .filter((entry) => entry.link !== true && entry.resolved !== undefined)
    .map((entry) => entry.resolved ?? "")
    .filter((address) => !address.startsWith("https://registry.npmjs.org/"));
}

function resolves(lock: Lock, from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    if (lock.packages[`${folder}${folder && "/"}node_modules/${name}`]) return true;
    if (folder === "") return false;
    if (!folder.includes("/node_modules/")) folder = "";
  }
}

function platformOf(name: string): Pick<LockedPackage, "os" | "cpu" | "libc"> {
  const { os, cpu, libc } = platform.exec(name)?.groups ?? {};
  if (os === undefined || cpu === undefined)
    throw new Error(`cannot tell the platform of ${name}: lock it by hand`);
  const library = os === "linux" ? libraries[libc ?? ""] : undefined;
  return { cpu: [processors[cpu] ?? cpu], ...(library ? { libc: [library] } : {}), os: [systems[os] ?? os] };
}
