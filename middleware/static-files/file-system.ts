/** The file system that files are served from: Node's, or one of the same shape. */

import {
  type BigIntStats,
  close,
  constants,
  type Dir,
  type Dirent,
  fstat,
  lstat,
  open,
  opendir,
  read,
  readdirSync,
  readlinkSync,
  realpath,
  type Stats,
  stat,
  statSync,
} from "node:fs";

type Callback<T> = (error: NodeJS.ErrnoException | null, result: T) => void;

/**
 * The functions of `node:fs` that serving files needs, as `memfs` has them too: descriptors, `bigint` statistics, resolved
 * links and folders. Times and inodes must change with the bytes of a file: they tell its versions apart.
 */
export interface FileSystem {
  open(path: string, flags: number, callback: Callback<number>): void;
  fstat(descriptor: number, options: { bigint: true }, callback: Callback<BigIntStats>): void;
  read(
    descriptor: number,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: Callback<number>,
  ): void;
  close(descriptor: number, callback: (error: NodeJS.ErrnoException | null) => void): void;
  stat(path: string, options: { bigint: true }, callback: Callback<BigIntStats>): void;
  lstat(path: string, options: { bigint: true }, callback: Callback<BigIntStats>): void;
  realpath(path: string, callback: Callback<string>): void;
  /** Needed for listings only. */
  opendir(path: string, options: { bufferSize?: number }, callback: Callback<Dir>): void;
  statSync(path: string): Stats;
  /** Needed for `manifest` only. */
  readdirSync(path: string, options: { withFileTypes: true }): Dirent[];
}

/** The file system of this computer. */
export const NODE_FILE_SYSTEM: FileSystem = {
  open,
  fstat,
  read,
  close,
  stat,
  lstat,
  realpath: realpath.native,
  opendir,
  statSync,
  readdirSync,
};

/** A FIFO must not block, and a terminal must not become ours. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

// Node's own promises cost a quarter more for a small file, so these are made of callbacks.

export function openDescriptor(fs: FileSystem, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(name, FLAGS, (error, descriptor) => (error ? reject(error) : resolve(descriptor)));
  });
}

export function statDescriptor(fs: FileSystem, descriptor: number): Promise<BigIntStats> {
  return new Promise((resolve, reject) => {
    fs.fstat(descriptor, { bigint: true }, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
}

export function readDescriptor(
  fs: FileSystem,
  descriptor: number,
  bytes: Buffer,
  filled: number,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(descriptor, bytes, filled, bytes.length - filled, position, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

/** Nothing depends on the outcome of closing a file that was only read. */
export function closeDescriptor(fs: FileSystem, descriptor: number): Promise<void> {
  return new Promise((resolve) => {
    fs.close(descriptor, () => resolve());
  });
}

export function statPath(fs: FileSystem, path: string): Promise<BigIntStats> {
  return new Promise((resolve, reject) => {
    fs.stat(path, { bigint: true }, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
}

/** The status of a name itself: links are not followed. */
export function statLink(fs: FileSystem, path: string): Promise<BigIntStats> {
  return new Promise((resolve, reject) => {
    fs.lstat(path, { bigint: true }, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
}

export function resolveLinks(fs: FileSystem, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    fs.realpath(path, (error, resolved) => (error ? reject(error) : resolve(resolved)));
  });
}

/** Opens a folder whose entries are read `bufferSize` at a time. */
export function openFolder(fs: FileSystem, path: string, bufferSize: number): Promise<Dir> {
  return new Promise((resolve, reject) => {
    fs.opendir(path, { bufferSize }, (error, folder) => (error ? reject(error) : resolve(folder)));
  });
}

/**
 * A name under which Linux gives what a descriptor is open on, wherever that was moved meanwhile. Undefined on other
 * systems.
 */
export function nameOfDescriptor(fs: FileSystem, descriptor: number): string | undefined {
  return fs === NODE_FILE_SYSTEM && process.platform === "linux" ? `/proc/self/fd/${descriptor}` : undefined;
}

/** The resolved path of what is open. Undefined where the system cannot tell. The look into `/proc` never waits for a disk. */
export function pathOfDescriptor(fs: FileSystem, descriptor: number): string | undefined {
  const name = nameOfDescriptor(fs, descriptor);
  if (name === undefined) return undefined;
  try {
    return readlinkSync(name);
  } catch {
    return undefined;
  }
}
