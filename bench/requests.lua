-- Sends the requests of a file, in turn, and prints how many were answered.
-- wrk … -s requests.lua <url> -- <file> [<run> <times>]: with the number of a run, each "~" is replaced by what only this
-- request has, each "^" by some digit, and each request is sent so many times.

local requests, run, times
local made
local sent = 0

function init(args)
  requests = dofile(args[1])
  run = args[2]
  if run ~= nil then
    times = tonumber(args[3])
    math.randomseed(tonumber(run))
  end
end

local function digit()
  return math.random(0, 9)
end

function request()
  sent = sent + 1
  local prepared = requests[(sent - 1) % #requests + 1]
  if run == nil then
    return prepared
  end
  if (sent - 1) % times == 0 then
    made = prepared:gsub("~", run .. "-" .. sent):gsub("%^", digit)
  end
  return made
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("served %d %d %d %d\n", summary.requests, summary.bytes, summary.duration, failed))
end
