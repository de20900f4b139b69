"""Every column name that two stages share, written once.

A stage reads finished tables and writes one. What flows between stages:

========== ==================================================================== =====================
data set   one row is                                                           key columns
========== ==================================================================== =====================
events     one event of one log, canonical                                      CUSTOMER, EVENT_US
profiles   what one customer declared                                           CUSTOMER
dense      one customer's dense features at one as_of                           CUSTOMER
tokens     how often one customer met one token of one categorical field        CUSTOMER, FIELD, TOKEN
vectors    one customer's behaviour vector                                      CUSTOMER
predictions one attribute of one customer                                       CUSTOMER, ATTRIBUTE
portraits  all attributes of one customer                                       CUSTOMER
members    one member of an audience                                            CUSTOMER, RANK
control    one customer held back who would have been a member                  CUSTOMER, RANK
segments    one customer in one segment of a family                             CUSTOMER, SEGMENT
========== ==================================================================== =====================
"""

# events
CUSTOMER = "customer_id"  # string
EVENT_US = "event_us"  # int64, microseconds since the epoch, UTC
EVENT_DAY = "event_day"  # int32, days since the epoch, local to the source's zone
HOUR = "hour"  # int8, 0-23, local
WEEKDAY = "weekday"  # int8, 0 = Monday, local
BUCKET = "bucket"  # int32, hash bucket of the customer

UNMATCHED = "_unmatched"  # int64, while events are checked: 1 where a reference table has no such row

# quarantine
REASON = "reason"
RAW = "raw"  # the row's declared columns as text, as found in the source

RESERVED = (CUSTOMER, EVENT_US, EVENT_DAY, HOUR, WEEKDAY, BUCKET, UNMATCHED, REASON, RAW)  # no field is called so

# tokens
FIELD = "field"  # "<log>__<field>"
TOKEN = "token"
COUNT = "count"

# labels and predictions
ATTRIBUTE = "attribute"
VALUE = "value"
LIKELIEST = "likeliest"  # the most probable value, also where nothing is stated
PROBABILITY = "probability"  # of the likeliest value; 1 where declared
PROBABILITIES = "probabilities"  # list of float32, of every value in its order, which the manifest's `values` gives
SET = "set"  # the values that cannot be ruled out, joined by " | "; nominal and ordinal attributes
STATE = "state"
MODEL_VERSION = "model_version"
AS_OF = "as_of"
EXPIRES = "expires"
DECLARED, INFERRED, WITHHELD = "declared", "inferred", "withheld"

# audience
RANK = "rank"
SCORE = "score"
MEMBERS = (CUSTOMER, RANK, SCORE, REASON)
CONTROL = (CUSTOMER, RANK, SCORE)
FAMILY = "family"  # of segments: activity, behaviour or rules
SEGMENT = "segment"
UNKNOWN = "unknown"  # the group of those whose portrait states no value

US_PER_DAY = 86_400_000_000
