/** What holds for middlewares that rework responses, and the tests that hold each to it; "…" in a title stands for what varies. */

export const TRANSFORMER_RULES: Readonly<Record<string, readonly string[]>> = {
  "1 HEAD, 1xx, 204, 205, 206, 304, Content-Range and no-transform are not touched": [
    "middleware/transformers: transformers: … leaves … alone",
    "middleware/compress: compress: … is left alone, for clients of any kind",
    "middleware/compress: compress: HEAD does not read a stream, and closes it",
    "exchange/on-upgrade: onUpgrade: … gets its connection within …, which adds to the 101",
  ],
  "2 encoded bodies are left alone, or asked for again without the coding": [
    "middleware/transformers: transformers: … leaves … alone",
    "middleware/transform: transform: … does not get past …",
  ],
  "3 the type decides, whatever its case and parameters": [
    "middleware/transformers: transformers: … takes a type whatever its case and parameters",
    "middleware/transformers: transformers: … leaves a body without a type alone, and one of another type",
    "middleware/compress: compress: isCompressible knows types by the registry, in any case and with parameters",
  ],
  "4 what is known to be small is not encoded": [
    "middleware/compress: compress: … below the threshold keeps its length and is sent as it is",
  ],
  "5 of what is not known, the beginning decides": [
    "middleware/compress: compress: … below the threshold keeps its length and is sent as it is",
    "middleware/compress: compress: a stream that declares a small length is not read ahead",
  ],
  "6 an app opts out": [
    "middleware/compress: compress: an app opts out by tsgi.state, an options filter by what it sees",
  ],
  "7 a length is that of what is sent": [
    "middleware/transformers: transformers: … leaves nothing that described the bytes, and no tag that could be taken for theirs",
    "middleware/transform: transform: a stream in place of a known body has no length, a known body in place of a stream has",
  ],
  "8 digests go, the coding is named": [
    "middleware/transformers: transformers: … leaves nothing that described the bytes, and no tag that could be taken for theirs",
    "middleware/compress: compress: a known body gets its coding, its length, a weak tag and Vary; what described its bytes is gone",
  ],
  "9 a tag becomes weak by a coding, and goes with a change": [
    "middleware/transformers: transformers: … leaves nothing that described the bytes, and no tag that could be taken for theirs",
    "middleware/compress: compress: a weak tag stays as it is, and none is invented",
    "middleware/transform: transform: a new body has a new length, and no validators, ranges or digests",
    "middleware/transform: transform: validators that the change sets stay, and a weak tag of the app does not",
    "middleware/transform: transform: conditional around it gives what was changed a tag of its own",
  ],
  "10 either form of a tag is known again": [
    "middleware/transformers: transformers: under … a client revalidates with either form of the tag",
    "middleware/compress: compress: If-None-Match: … is still a 304, with Vary and the tag that the client knows",
  ],
  "11 ranges are not those of another representation": [
    "middleware/transformers: transformers: … never changes a part, and never mixes two representations",
    "middleware/transform: transform: … does not get past …",
    "middleware/compress: compress: a range of an app stays a part, and one that goes on after an unknown coding is the whole",
  ],
  "12 Vary is merged, and there where something was negotiated": [
    "http/headers: addVary: Vary …",
    "middleware/compress: compress: Vary: … becomes …, whatever the coding",
    "middleware/compress: compress: a response without a type, and one whose type is not compressible, has neither coding nor Vary",
    "middleware/compress: compress: a 304 that names a type which is not compressed has no Vary",
  ],
  "13 Vary comes after the headers of the app": [
    "middleware/compress: compress: Vary: … becomes …, whatever the coding",
    "middleware/compress: compress: a response that an error handler replaces is judged anew",
  ],
  "14 codings are negotiated": [
    "middleware/compress: compress: Accept-Encoding … is answered with …",
    "middleware/compress: compress: a client that takes no coding gets a 406, and the app is not asked",
    "middleware/semantics: semantics, RFC 9110 …: …",
  ],
  "15 HEAD has the headers of GET": [
    "middleware/transformers: transformers: HEAD under … has the tag, type and coding that GET has, and no length that is not known",
    "middleware/compress: compress: HEAD has the headers that GET would have, and no length",
  ],
  "16 header lists are not changed": [
    "middleware/transformers: transformers: … takes header lists that are frozen, and shared by all responses",
    "http/headers: addVary: Vary …",
  ],
  "17 cookies, links and policies stay; what is put in has the nonce": [
    "middleware/transformers: transformers: … leaves nothing that described the bytes, and no tag that could be taken for theirs",
    "middleware/inject: inject: scripts, styles and links get the nonce of secureHeaders, on either side of it",
    "middleware/inject: inject: a page whose policy forbids … is left alone, and the log says so once",
    "middleware/inject: inject: extendPolicy makes of … one that allows the markup",
  ],
  "18 what is small is encoded in one go, with a length": [
    "middleware/compress: compress: … that comes at once is encoded in one go, with a length",
  ],
  "19 what is larger waits for its turn": [
    "middleware/compress: compress: many large bodies at once are all encoded",
    "middleware/compress: compress: a client that leaves while its body waits for its turn has nothing encoded",
  ],
  "20 a body is read as its client reads": [
    "middleware/transformers: transformers: … does not read on while its client does not, and closes once when that leaves",
    "middleware/compress: compress: a body is not read on while its client does not read",
  ],
  "21 a pause flushes, and nothing else": [
    "middleware/compress: compress: what a slow page has sent so far can be decoded in …, though nobody flushes",
    "middleware/compress: compress: a body that is busy is not flushed",
    "middleware/transformers: transformers: … sends the head that its app flushes, and what a page has shown before it pauses",
  ],
  "22 event streams are sent as they are": [
    "middleware/transformers: transformers: … passes an event stream on as it comes",
    "middleware/compress: compress: event streams are sent as they are, unless they are asked for",
  ],
  "23 an empty chunk flushes": [
    "middleware/compress: compress: an empty chunk has what is held back sent, and no empty chunk is",
    "middleware/transform: transform: an empty chunk, which means flush, passes through what maps text and chunks",
  ],
  "24 no codec gets an empty chunk": ["middleware/compress: compress: the bytes do not depend on where a body is cut"],
  "25 what reads a whole body has a limit": [
    "middleware/transform/text: …: what is larger than the limit is passed on to its last byte, what is as large is changed",
    "middleware/transform: transform: a document that says it is too large is passed on with all that describes it",
  ],
  "26 where a body is cut decides nothing": [
    "middleware/transformers: transformers: … makes the same of a body wherever it is cut, known or streamed",
  ],
  "27 a long chunk goes out in pieces": [
    "middleware/transformers: transformers: a chunk of many megabytes goes through … in pieces",
    "middleware/compress: compress: a chunk of many megabytes is encoded in pieces",
  ],
  "28 codecs are opened late, and freed": [
    "middleware/compress: compress: the codec is freed at the end, where the body fails, and where the client leaves",
    "middleware/compress: compress: over a socket, a page that is not read to its end leaves nothing behind",
    "middleware/transformers: transformers: clients that leave … amid their bodies leave nothing behind",
  ],
  "29 no listeners gather": ["middleware/compress: compress: a thousand flushes leave no listeners behind"],
  "30 all bytes arrive, in order": [
    "middleware/transformers: transformers: … passes on bodies of any size to their last byte",
    "middleware/compress: compress: … decodes to the same, known or streamed, of any size",
  ],
  "31 a body that fails at once is an error of the app": [
    "middleware/compress: compress: a body that fails before anything was sent is a 500, without a coding",
    "middleware/transform: transform: an error of … … is the app's error, and its body is finished once",
  ],
  "32 one that fails later cuts the connection": [
    "middleware/compress: compress: a body that fails after that cuts the connection, and what came cannot be decoded as a whole",
    "middleware/transformers: transformers: a body that fails under … amid its bytes does not look whole",
  ],
  "33 so does a codec that fails": [
    "middleware/compress/encoded-body: compress: a codec that … is the failure of the body, and the app's body is closed",
  ],
  "34 a client that leaves closes the body, once": [
    "middleware/transformers: transformers: … does not read on while its client does not, and closes once when that leaves",
    "middleware/compress: compress: a client that leaves before the head has the body closed, once",
  ],
  "35 a body that is not sent is closed": [
    "middleware/transform: transform: … is finished exactly once …",
    "middleware/conditional: conditional: a stream with a tag is not read for a 304, and closed once",
    "middleware/compress: compress: HEAD does not read a stream, and closes it",
  ],
  "36 a change that fails is an error of the app": [
    "middleware/transform: transform: an error of … … is the app's error, and its body is finished once",
    "middleware/rewrite-html: rewriteHtml: a handler that throws, or returns a promise, is an error of the app",
    "middleware/compress: compress: a filter that throws is the app's error, and the body is closed",
  ],
  "37 a response that takes another's place is judged anew": [
    "middleware/transformers: transformers: a response that an error handler replaces is judged anew by …",
  ],
  "38 what is decoded is bounded": [
    "middleware/decompress: decompress: a body that becomes larger than the limit is a 413, decoded no further than that",
    "middleware/decompress: decompress: a body of which little becomes much is a 413, beyond the first MiB",
    "middleware/decompress: decompress: gzip may have several members",
    "middleware/decompress: decompress: deflate may lack the header of zlib",
    "middleware/decompress: decompress: a body in … that is cut short, or goes on, is a 400",
    "middleware/decompress: decompress: a bomb … is a …, and never large",
  ],
  "39 a charset is that of the type, the mark or the page": [
    "middleware/transform/text: text: the charset of a page is …, however it is cut",
    "middleware/transform: transform: a charset that nobody knows is left alone",
  ],
  "40 characters are not split": [
    "middleware/transform: transform: wherever the chunks of … end, the text is the same",
    "middleware/transform: transform: mapText never splits a character of …, and sends UTF-8",
  ],
  "41 what is not text is passed on, or becomes U+FFFD": [
    "middleware/transform: …: bytes that are not UTF-8 are passed on as they are",
    "middleware/transform/text: text: replaceInvalid makes U+FFFD of bytes that are not text",
  ],
  "42 text is sent as UTF-8, its mark kept": [
    "middleware/transform: transform: mapText never splits a character of …, and sends UTF-8",
    "middleware/transform/text: text: the charset of a page is …, however it is cut",
  ],
  "43 windows-1252 is decoded as by browsers": ["middleware/transform: …: … is decoded as browsers do"],
  "44 what is looked for is found across chunks": [
    "middleware/transform/text: text: … is the same wherever the chunks end",
    "middleware/transform/text: replaceText: whatever the text and its cuts, the outcome is that of the whole",
    "middleware/transform/text: replaceText: a needle in … is found wherever its bytes are cut",
  ],
  "45 markup is put where a browser sees the tag": [
    "middleware/inject: inject: …, however it is cut",
    "middleware/inject: inject: atEnd puts what is left at the end of a page …",
    "middleware/inject: inject: SVG and MathML with … are read as by a browser, however they are cut",
  ],
  "46 JSON is changed as a whole": [
    "middleware/transform/text: mapJson: a value is changed, and the length is that of the new one",
    "middleware/transform/text: mapJson: … is left as it is",
  ],
  "47 text that is put in is escaped": [
    "middleware/rewrite-html: rewriteHtml: names of attributes and content are checked, text is not put into scripts",
    "middleware/rewrite-html: rewriteHtml: … does not become another one",
  ],
  "48 tags are made of known bodies": [
    "middleware/conditional: conditional: a body that has no tag gets a strong one of its content",
    "middleware/conditional: conditional: a response that … is passed on as it is",
    "middleware/conditional: conditional: other methods have neither tags nor conditions",
  ],
  "49 conditions are judged in their order": [
    "middleware/conditional: conditional: step …: …",
    "middleware/semantics: semantics, RFC 9110 …: …",
  ],
  "50 a 304 keeps what caches need": [
    "middleware/conditional: conditional: a 304 keeps what a cache needs, and nothing that describes the content",
    "middleware/conditional: conditional: a stream with a tag is not read for a 304, and closed once",
  ],
  "51 layers work in their order": [
    "middleware/conditional: conditional: under compress a client revalidates each coding by the weak tag, outside of it by its own",
    "middleware/cache: cache: each coding of compress is a response of its own",
  ],
  "52 what is not to be shared is not stored": [
    "middleware/cache: cache: no client hands its cookies on",
    "middleware/cache: cache: what a client with … gets is stored only where that is allowed",
    "middleware/cache: cache: a part is not stored, and is not given to those who ask for the whole",
    "middleware/cache: cache: a body that fails is not stored, and fails nobody else",
    "middleware/cache: cache: a body that … is not stored",
    "middleware/cache: cache: an unsafe method that succeeds invalidates its URL, and what its response names",
  ],
  "53 one request for one missing response": [
    "middleware/cache: cache: clients that ask for the same wait for one request",
    "middleware/cache: cache: those who wait too long go on by themselves",
    "middleware/cache: cache: those who wait for what is not to be shared go on by themselves, and the next ones do not wait",
    "middleware/cache: cache: a client that leaves does not take the response from those who wait",
  ],
  "54 a store slows nobody down": [
    "middleware/cache: cache: the first client does not wait for the store",
    "middleware/cache: cache: a client that reads nothing does not hold up those who wait",
    "middleware/cache: cache: a body that is larger than the limit is passed on, and those who wait go on by themselves",
    "middleware/cache: cache: of a client that leaves nothing is stored, and nothing goes on",
  ],
  "55 what is stale": [
    "middleware/cache: cache: stale-while-revalidate serves at once, and asks once behind it",
    "middleware/cache: cache: stale-if-error serves where the app throws or answers 503, within its time",
    "middleware/cache: cache: what must be revalidated is never served stale",
    "middleware/cache: cache: a hit has the date it was made at, its age and what the cache did",
  ],
  "56 all that an app sees is in the key, or in Vary": [
    "middleware/cache: cache: what an app makes of … is only for those who send the same",
    "middleware/cache: cache: a request with … neither fills the cache nor is answered by it",
    "middleware/cache: cache: another spelling of the target is another request, as an app may send it back",
    "middleware/cache: cache: the same path under another mount is another request",
  ],
  "57 secrets are not compressed": [
    "middleware/compress: compress: protectSecrets leaves what sets a cookie, or is not to be stored, as it is",
  ],
};
