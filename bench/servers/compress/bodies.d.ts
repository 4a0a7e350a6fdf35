export declare const BODIES: Readonly<Record<string, string>>;
