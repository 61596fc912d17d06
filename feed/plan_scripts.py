"""What Redis does to a plan in one step: look, claim, append. All keys of a call share the viewer's hash slot."""

from core.redis.script import Script

# Marks slots as served up to a position; shared by the scripts below. The list is newest first.
_MARK = """
local function bound(served)
  redis.call('LTRIM', served, 0, tonumber(ARGV[2]) - 1)
  redis.call('EXPIRE', served, ARGV[3])
end
local function mark(plan, slots, served, base, upto, session)
  local done = tonumber(redis.call('HGET', plan, 'marked'))
  if upto <= done then return end
  for _, slot in ipairs(redis.call('LRANGE', slots, done - base, upto - base - 1)) do
    redis.call('LPUSH', served, session .. ' ' .. string.match(slot, '^%S+'))
  end
  bound(served)
  redis.call('HSET', plan, 'marked', upto)
end
"""

# ARGV: session, served cap, served ttl, from, count, mark to, plan ttl.
_LOOK = (
    _MARK
    + """
local function look()
  local head = redis.call('HMGET', KEYS[1], 'header', 'dry', 'base', 'short')
  if not head[1] then return false end
  local base = tonumber(head[3])
  local stop = base + redis.call('LLEN', KEYS[2])
  local from = math.max(tonumber(ARGV[4]), base)
  local slots = redis.call('LRANGE', KEYS[2], from - base, from - base + tonumber(ARGV[5]) - 1)
  mark(KEYS[1], KEYS[2], KEYS[3], base, math.min(math.max(tonumber(ARGV[6]), from), stop), ARGV[1])
  if head[4] == '0' and tonumber(ARGV[7]) > 0 then
    redis.call('EXPIRE', KEYS[1], ARGV[7])
    redis.call('EXPIRE', KEYS[2], ARGV[7])
  end
  return {head[1], tonumber(head[2]), from, stop, slots}
end
"""
)

# KEYS: plan, slots, served. ARGV: as above.
READ = Script(_LOOK + "return look()")

# KEYS: plan, slots, served, session pointer. ARGV: session, served cap, served ttl, mode, pointer seen or
# unmarked, pointer, pointer ttl, plan ttl, mark to, base, slots that follow, slot …, then hash field, value …
# Mode `new` wants the pointer as it was seen, `again` wants the plan gone and first marks what the lost one
# had served but not marked (JSON). Empty: claimed; else the winner.
CLAIM = Script(
    _MARK
    + """
if ARGV[4] == 'new' then
  local there = redis.call('GET', KEYS[4]) or ''
  if there ~= ARGV[5] then return there end
  redis.call('SET', KEYS[4], ARGV[6], 'EX', ARGV[7])
elseif redis.call('EXISTS', KEYS[1]) == 1 then
  return ARGV[1]
else
  for _, item in ipairs(cjson.decode(ARGV[5])) do redis.call('LPUSH', KEYS[3], ARGV[1] .. ' ' .. item) end
  bound(KEYS[3])
end
local base, number = tonumber(ARGV[10]), tonumber(ARGV[11])
redis.call('DEL', KEYS[1], KEYS[2])
for i = 12, 11 + number do redis.call('RPUSH', KEYS[2], ARGV[i]) end
for i = 12 + number, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'base', base, 'marked', base)
redis.call('EXPIRE', KEYS[1], ARGV[8])
redis.call('EXPIRE', KEYS[2], ARGV[8])
mark(KEYS[1], KEYS[2], KEYS[3], base, math.min(tonumber(ARGV[9]), base + number), ARGV[1])
return ''
"""
)

# KEYS: plan, slots, served. ARGV: as above, then length seen, longest ttl, slots that follow, slot …, hash
# field, value … Appends only to the plan that was read (a second extender finds it longer and leaves it), then
# looks.
APPEND = Script(
    _LOOK
    + """
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('LLEN', KEYS[2]) == tonumber(ARGV[8]) then
  local number = tonumber(ARGV[10])
  for i = 11, 10 + number do redis.call('RPUSH', KEYS[2], ARGV[i]) end
  for i = 11 + number, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  local ttl = math.min(redis.call('PTTL', KEYS[1]), 1000 * tonumber(ARGV[9]))
  redis.call('PEXPIRE', KEYS[1], ttl)
  redis.call('PEXPIRE', KEYS[2], ttl)
end
return look()
"""
)
