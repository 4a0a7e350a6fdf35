export declare const HELLO: string;
export declare const USERS: readonly object[];
export declare const CHUNK: Buffer;
export declare const CHUNKS: number;
export declare function report(port: number, cpuTime?: () => number): void;
export declare function pathOf(target: string): string;
export declare function skip(reason: string): void;
