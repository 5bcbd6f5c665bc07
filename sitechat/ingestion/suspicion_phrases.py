"""What instructions to a language model look like when they stand in a document, in the phrasings that are in use.

Each pattern asks for more than its trigger: manuals say "you are now ready" and "ignore the following lines" all the
time. They are matched against lower case text in which look-alike letters have become plain ones.
"""

import re

_GAP = r"[\s\W_]{1,6}"
_FILL = rf"(?:(?:all|any|each|every|of|the|your|my|our|these|those|this|that|such|and|or|both|other){_GAP}){{0,5}}"
_AI = (
    r"(?:ais?|a\.i\.|llms?|(?:large )?language models?|chat ?bots?|chatgpt|gpt-?\d\w*|claude|gemini|copilot|"
    r"ai (?:assistants?|agents?|models?|systems?|readers?|reviewers?))"
)
_EARLIER = (
    r"(?:previous|previously given|prior|preceding|above|earlier|foregoing|existing|original|initial|former|past|"
    r"system|default|built-?in|safety)"
)
_ORDERS = (
    r"(?:instructions?|prompts?|directions?|directives?|guidelines?|guardrails|commands?|orders|programming|"
    r"rules (?:you|of your)|training|constraints you|conversations?)"
)
_DROP = (
    r"(?:ignore|ignoring|disregard|disregarding|forget|override|overrule|bypass|discard|neglect|do not follow|"
    r"stop following)"
)

_OVERRIDES = (
    rf"\b{_DROP}{_GAP}{_FILL}{_EARLIER}{_GAP}(?:\w{{1,20}}{_GAP}){{0,2}}{_ORDERS}\b",
    rf"\b{_DROP}{_GAP}(?:all{_GAP}|any{_GAP})?(?:of{_GAP})?(?:your|my|our){_GAP}(?:\w{{1,20}}{_GAP}){{0,2}}{_ORDERS}\b",
    rf"\b{_DROP}{_GAP}{_FILL}{_ORDERS}{_GAP}(?:you (?:were|have been|had been|received|got)|(?:given )?(?:above|before|"
    r"previously|so far|until now|up to (?:this point|now)))\b",
    rf"\b{_DROP}{_GAP}(?:everything|anything|all|what(?:ever)?){_GAP}(?:that )?(?:(?:you(?:'ve| have| were| had)?|i|"
    r"we|they|was)(?: have| been)?) (?:been )?(?:told|taught|instructed|said|learned|learnt)\b",
    rf"\b{_DROP}{_GAP}(?:the{_GAP})?(?:above|previous text|foregoing|rest of (?:this|the) document){_GAP}and{_GAP}"
    r"(?:instead|just|only|simply|say|print|output|reply|respond|answer|tell|write)\b",
    r"\b(?:new|updated|real|actual|true|revised) (?:system )?instructions? (?:for you|from (?:your|the) "
    r"(?:developers?|system|administrators?|operators?))\b",
    r"\b(?:your|the) (?:previous|prior|earlier|original|above) (?:instructions?|prompts?) (?:are|is|were|was|have been|"
    r"has been) (?:now )?(?:void|invalid|revoked|cancell?ed|superseded|overridden|replaced)\b",
    r"\bignorier(?:e|t|en sie)?\b[^.\n]{0,30}\b(?:vorherigen|bisherigen|obigen|früheren|vorangegangenen)\b[^.\n]{0,20}"
    r"\b(?:anweisungen|instruktionen|befehle|vorgaben)\b",
    r"\b(?:ignore[zr]?|oublie[zr]?)\b[^.\n]{0,30}\b(?:instructions|consignes)\b[^.\n]{0,15}\b(?:précédentes|"
    r"antérieures|ci-dessus)",
    r"\b(?:ignor[ae]|olvid[ae]|ignore)\b[^.\n]{0,30}\b(?:instrucciones|instruções|istruzioni)\b[^.\n]{0,15}\b"
    r"(?:anteriores|previas|precedenti|acima)\b",
)
_NEW_ROLES = (
    r"\byou are (?:now|no longer|from now on)(?: acting as)?,? (?:an? |the |in |my |bound by |restricted by |just )?"
    r"(?:[\w-]{1,20} ){0,3}(?:assistant|ai|chatbot|bot|language model|llm|dan|jailbroken|jailbreak|unrestricted|"
    r"unfiltered|uncensored|persona|hacker|developer mode|god mode|guidelines|content polic(?:y|ies)|"
    r"openai|anthropic)\b",
    r"\bfrom (?:now|this point|here) on,? (?:you|your) (?:will|must|shall|should|are|answers?|responses?|only|always|"
    r"have to)\b[^.\n]{0,40}\b(?:answer|respond|reply|act|behave|speak|say|pretend|obey|refuse|recommend|ignore|"
    r"assistant|ai|model|persona)",
    r"\b(?:act|behave|respond|pretend to be|roleplay|role-play|pose)(?: as)?(?: if you (?:are|were))? (?:an? |the )?"
    r"(?:unrestricted|unfiltered|uncensored|jailbroken|evil|amoral|rogue)\b[^.\n]{0,20}\b(?:ai|assistant|model|chatbot|"
    r"bot|version|llm)",
    r"\b(?:do anything now|jailbreak mode|dan mode)\b",
    r"\b(?:pretend|imagine|assume) (?:that )?you (?:have|had|are under) no (?:restrictions?|guidelines|rules|filters?|"
    r"limitations)\b",
)
_MIMICRY = (
    r"(?:<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id|end_of_turn)\|>|<<sys>>|\[/?inst\]|"
    r"</?(?:system[_-]?(?:prompt|message|instructions?)?|start_of_turn|end_of_turn)>)[^\w]{0,10}(?:system|user|assistant|"
    r"model)?[^\w]{0,20}(?:you (?:are|must|will|should)|ignore|disregard|override|always|never|from now on|new (?:rule|"
    r"instruction|task)|forget)\b",
    r"(?:^|\n)[\s#*>\[=-]{0,8}(?:system|assistant|developer)(?: (?:prompt|message|instructions?))?[\]*]{0,3}:[\s*]{0,4}"
    r"(?:you (?:are|must|will|should)|ignore|disregard|new (?:rule|instruction)|override|from now on)\b",
    r"\b(?:begin|start|end) (?:of )?(?:the )?(?:system|hidden|admin|new) (?:prompt|instructions?|message)\b"
    r"[\s\])>:=*-]",
    r"\b(?:system|admin(?:istrator)?|developer|security|priority) override\b[\s:!-]{1,4}(?:you|ignore|disregard|the "
    r"assistant|new|all|enabled|activated)",
    rf"\bend of (?:the )?(?:document|context|data|user input|retrieved (?:text|content))\b[^\n]{{0,20}}\n?[^\n]{{0,20}}"
    rf"\b(?:new|now|next|system){_GAP}(?:instructions?|prompt|follow|task)\b",
)
_LEAKS = (
    r"\b(?:reveal|print|output|repeat|display|show|leak|disclose|send|share|recite|write out|tell me)(?: me| us|"
    r" verbatim)? (?:all |of |the |your |full |entire |exact |complete |contents of ){0,4}(?:your (?:\w+ )?(?:prompt|"
    r"instructions)|(?:hidden|secret|initial|confidential) (?:prompt|instructions))\b",
    r"\b(?:do not|don't|never|must not) (?:tell|inform|alert|warn|notify|mention (?:this |these |it )?to|reveal "
    r"(?:this |these |it )?to|show (?:this |it )?to|let) the (?:user|human|reader|person)s? (?:about (?:this|these|the "
    r"instructions?)|that you|know (?:about|that) (?:this|you|these)|of (?:this|these) instructions?)",
    r"\bwithout (?:telling|informing|alerting|notifying|mentioning (?:this|it) to) the (?:user|human)s?\b[^.\n]{0,60}\b"
    r"(?:send|exfiltrate|include|append|call|fetch|email|forward|upload)\b",
    r"\b(?:append|include|add|insert|embed|render|put|output|reply with|respond with|display)\b[^.\n]{0,60}\b(?:image|"
    r"img|link|markdown|url|tracking pixel)\b[^.\n]{0,80}\bhttps?://[^\s)]{0,200}(?:\{|\[|<|=\s?(?:data|secret|"
    r"conversation|history|context|summary|prompt|question|answer|query))",
    r"\b(?:encode|append|exfiltrate|summari[sz]e|leak|send)\b[^.\n]{0,40}\b(?:chat history|conversation(?: history)?|"
    r"system prompt|user'?s (?:question|messages?|data|api keys?)|previous messages)\b[^.\n]{0,60}\b(?:to|into|"
    r"in|as|at)\b[^.\n]{0,40}(?:https?://|\burl\b|\blink\b|\bquery\b|\bimage\b|@)",
)
_ADDRESSED = (
    rf"(?<![\w/-])(?:attention|note|notice|message|important|instructions?|reminder|dear|hey|hello)[\s,:!]{{1,3}}"
    rf"(?:to |for )?(?:all |any |the |every ){{0,2}}{_AI}\b[^.\n]{{0,80}}\b(?:you must|must|please|always|respond|"
    rf"reply|answer|say|recommend|rate|rank|output|print|do not|ignore|disregard|follow)\b",
    rf"\bif you(?:'re| are)? (?:an? |the )?(?:reading this (?:and (?:you )?(?:are|'re) )?(?:as )?an? )?{_AI}\b"
    rf"[^.\n]{{0,80}}\b(?:you must|must|please|always|respond|reply|answer|say|recommend|rate|rank|output|print|do not|"
    rf"ignore|disregard|follow|include|tell)\b",
    rf"\b(?:any|all|every) {_AI} (?:reading|processing|summari[sz]ing|parsing|that (?:reads?|process(?:es)?)) this\b"
    rf"[^.\n]{{0,60}}\b(?:must|should|shall|is to|are to|will|please)\b",
    r"\b(?:when|if|whenever) (?:the |a |any )?(?:user|person|human|reader|someone|anyone|anybody)s? (?:asks?|inquires?|"
    r"wants to know)\b[^.\n]{0,80}(?:,|\bthen\b|:)\s?(?:you )?(?:must|always|only|should always|are to) (?:answer|say|"
    r"reply|respond|tell|recommend|claim|state|output|insist|link)\b",
    r"\b(?:as an? (?:ai|language model|assistant)|dear (?:assistant|ai)),? (?:you (?:must|will|should|are required to|"
    r"have to)|your (?:new|only|first|real) (?:task|job|goal|instruction|objective))\b",
    r"\byour (?:new|real|true|actual) (?:task|job|goal|objective|purpose|instructions?) (?:is|are)(?: now)? to\b",
)

INSTRUCTIONS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern) for group in (_OVERRIDES, _NEW_ROLES, _MIMICRY, _LEAKS, _ADDRESSED) for pattern in group
)
