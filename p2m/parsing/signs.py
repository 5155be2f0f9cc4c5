# ruff: noqa: E501
"""What in a prompt's words speaks for which type of task, and how much. Data only.

A sign counts once, however often it occurs. Weights are in units of "this alone would decide": 1.0.
"""

from __future__ import annotations

from p2m.types import TaskType

_MULTI, _REGRESSION, _RECORDS = TaskType.MULTI_LABEL, TaskType.REGRESSION, TaskType.RECORDS
_QA, _EXTRACTION, _TEXT = TaskType.QUESTION_ANSWERING, TaskType.EXTRACTION, TaskType.TEXT_TO_TEXT
_CLASSES, _OTHER = TaskType.CLASSIFICATION, TaskType.UNSUPPORTED

# Words of the clause that a negation takes back: "do not summarise", "kein JSON", "sans résumé".
NEGATION = (
    r"\b(?:no|not|never|don['’]?t|do not|doesn['’]?t|isn['’]?t|aren['’]?t|won['’]?t|cannot|can['’]?t|without|rather than|instead of|nor|neither"
    r"|nicht|kein\w*|ohne|niemals|statt|sondern nicht|sans|aucun\w*|jamais|pas de|pas d['’]|pas|sin|nunca|ningún|ninguna|sem|não|nem|nenhum\w*|senza|non|mai|geen|niet|zonder|nooit"
    r"|не|без|ни|nie|bez|nigdy|żadn\w*|inte|utan|değil)\b[^.,;:!?()\n—–、。，]{0,160}"
    r"|[^.,;:!?()\n、。，]{0,40}(?:しないで|せず|ではなく|不要|なし(?:で|に)|要りません|不是|不需要|别|無し|말고|하지 마|않고|아니라|없이|بدون|لا (?:أريد|تكتب|تترجم|تلخص)|नहीं|değil|olmadan|yazma\b)[^.,;:!?()\n、。，]{0,160}"
)

_TEXTS = r"(?:passages?|contexts?|paragraphs?|documents?|articles?|texts?|excerpts?|contracts?|leaflets?|manuals?|polic(?:y|ies)|reports?|pages?|section|handbook|guidelines?|faq|regulations?|transcripts?|letters?|stor(?:y|ies)|snippets?|chunks?|clauses?)"

SIGNS: tuple[tuple[TaskType, float, str], ...] = (
    # ------------------------------------------------------------------------------------ classification
    (
        _CLASSES,
        0.8,
        r"\bclassif\w*|\bcategori[sz]\w*|\bsentiments?\b(?! score)|\btriage\b|\brout(?:e|es|ed|ing)\b|\bsorts?\b(?! (?:of|by|it out|them by))|\bbucket\w*|\bintent detection|\bwhich (?:of|team|queue|category|class|label|kind|type|department|desk|language)\b|\bwhat (?:kind|type|sort|language|category)\b|\bpriorit[iy]\w*|\bpolarity|\bstance\b|\bentail\w*|\bhate ?speech|\btoxic\w*\b|\bspam\b|\bscreening\b|\bfraud\w*|\bphishing",
    ),
    (
        _CLASSES,
        0.8,
        r"\b(?:detect|identify|recogni[sz]e|predict|determine|decide|judge|assign|give|tell)\b[^.\n]{0,40}\b(?:the )?(?:language|sentiment|emotion|intent|topic|category|class|label|tone|stance|genre|urgency|severity|mood|polarity|queue|team|priority|grade|verdict|type|kind|author)\b",
    ),
    (
        _CLASSES,
        0.9,
        r"\b(?:detect|determine|decide|judge|identify|tell|say|indicate|verify|check|predict|know|flag|find out|work out|figure out|see|assess|whether)\b[^.\n]{0,30}\b(?:whether|if)\b",
    ),
    (
        _CLASSES,
        0.9,
        r"\byes ?(?:or|/|,|\|) ?no\b|\btrue ?(?:or|/|,|\|) ?false\b|\bja ?(?:oder|/) ?nein\b|\boui ?(?:ou|/) ?non\b|\bsí ?(?:o|/) ?no\b|\bsim ?(?:ou|/) ?não\b|\bsì ?(?:o|/) ?no\b|\bда ?(?:или|/) ?нет\b|\btak ?(?:lub|albo|czy|/) ?nie\b|\bevet ?(?:veya|ya da|/) ?hayır\b|はい.{0,6}いいえ|是.{0,3}否|예.{0,6}아니|نعم.{0,6}لا|हाँ.{0,6}नहीं|\bja ?(?:of|/) ?nee\b",
    ),
    (
        _CLASSES,
        0.5,
        r"\bone of\b|\bexactly one\b|\bone (?:label|category|class|queue|team|tag|topic) (?:per|for each|only)\b|\bbelongs? to\b|\bgo(?:es)? to\b|\bgrad(?:e|ing)\b|\brat(?:e|ing)s?\b|\bstars?\b|\blabels?\b|\bcategory\b|\bclass\b|\bverdict\b|\bflag\b|\bmultiple[- ]choice\b|\bpick\b|\bchoose\b",
    ),
    (
        _CLASSES,
        0.8,
        r"\bklassifi\w+|\bordne\w*\b|\beinordn\w+|\bzuordn\w+|\bkategori\w+|\beinstuf\w+|\bsortier\w+|\bob (?:sie|er|es|ein\w*|der|die|das|diese\w*)\b|\bwelche\w* (?:abteilung|team|kategorie|art|sprache|thema|klasse)|\bstimmung\b|\bentscheid\w*|\bvorsortier\w+|\bdringlichkeit",
    ),
    (
        _CLASSES,
        0.8,
        r"\bclasse[rz]?\b|\bclassifi\w+|\bcatégori\w+|\btrier\b|\btri des\b|\bquelle? (?:catégorie|service|équipe|langue|type|rubrique)|\bsi (?:le|la|l['’]|les|un|une|ce|cette) [^.\n]{0,60}\best\b|\bdire si\b|\bdétermine\w*\b[^.\n]{0,20}\bsi\b|\brelève de\b|\borient\w+ (?:vers|chaque)|\btonalité|\bun(?:e)? seul(?:e)? (?:réponse|catégorie|étiquette|classe)",
    ),
    (
        _CLASSES,
        0.8,
        r"\bclasifi\w+|\bclassific\w+|\bcategor[ií]\w+|\bdecidir si\b|\bdecir si\b|\bsi (?:el|la|un|una|es|está)\b|\bse (?:o|a|é|um|uma|il|la|è|una|un)\b[^.\n]{0,40}\b(?:é|è|está)\b|\bqué (?:tipo|equipo|departamento|categoría|idioma)|\bqual (?:tipo|setor|equipe|categoria|departamento|idioma)|\bquale (?:reparto|categoria|tipo|lingua)|\bsmist\w+|\bdirottar\w+|\bencaminh\w+|\bderivar?\b|\bsentimento?s?\b|\bsentimiento\w*|\bclasific\w+|\burgencia\b|\bgravedad\b",
    ),
    (
        _CLASSES,
        0.8,
        r"\bclassificeer\w*|\bindelen\b|\bdeel\b[^.\n]{0,30}\bin\b|\bwelke (?:afdeling|categorie|klasse|taal)|\bof (?:het|de|een|deze) [^.\n]{0,60} is\b|\bklasyfik\w+|\bsklasyfik\w+|\bprzypisz\b|\boceń\b|\bczy\b|\bktór\w+ (?:dział|kategori|zespół)\w*|\bklassific\w+|\bsortera\b|\bavgör\b|\bzařaď\b|\broztřiď|\burči,? zda",
    ),
    (
        _CLASSES,
        0.8,
        r"\bклассифи\w+|\bкатегори\w+|\bопредел\w+[^.\n]{0,60}(?:тип|тем|тон|категор|класс|к какой|какой|какая|является|язык|настроени|отдел)|\bтональност\w*|\bнастроени\w*|\bраспредел\w+|\bсортир\w+|\bразлож\w+|\bотнес\w+|\bотноситс\w+|\bявляется ли\b|\w+ ли\b|\bк какому\b|\bв какой отдел|\bкласифік\w+|\bвизнач\w+[^.\n]{0,40}(?:тип|тем|тон|категор|чи)",
    ),
    (
        _CLASSES,
        0.8,
        r"分類|分类|判断(?!不)|判定|判別|振り分け|仕分け|どの(?:カテゴリ|部署|種類|分野)|かどうか|感情(?:分析|分类)|情感|属于|归类|归到|哪(?:个|一个|类|种|个部门)|是否|分到|分派|분류|판단|판별|어느 (?:부서|팀|카테고리)|인지 아닌지|감성|감정 분석|나눠|صن[ّ]?ف|تصنيف|حدد ما إذا|هل |أي قسم|वर्गीकृत|वर्गीकरण|श्रेणी|बताओ कि|छाँट|sınıfland\w*|kategoriz\w*|hangi (?:birim|kategori|departman|sınıf|tür|ekip)\w*|olup olmadığ\w+|\bmi,? (?:değil mi|yoksa)|klasifikasi\w*|phân loại|kategorikan|ayır\w*\b",
    ),
    # --------------------------------------------------------------------------------------- multi-label
    (
        _MULTI,
        1.6,
        r"\bmulti[- ]?labels?\b|\ball that (?:apply|fit|are)|\ball (?:applicable|relevant|matching|the) (?:labels?|tags?|categories|topics|codes|keywords|classes|themes|that)\b|\b(?:any|one) or more\b|\bone or (?:more|several)\b|\bzero or more\b|\bany (?:number|combination|subset) of\b|\bmore than one (?:of|label|tag|category|topic|may|can|is|reason|applies|code|box|at once|at a time)\b|\bseveral (?:of them|labels?|tags?|categories|at once|may|can|are possible|topics|or none|or no)\b|\b(?:can|may|could|might|often|usually|sometimes) (?:\w+ ){0,3}(?:have|carry|get|be|need|mention|raise|touch|hit|belong to|contain|fall (?:in|under)|apply)\b[^.\n]{0,25}\b(?:several|multiple|many|more than one|two or|at once|none)\b|\bmultiple (?:labels?|tags?|categories|topics|answers?|choices?|codes|can|may|apply|flags|themes)\b|\bevery (?:label|tag|category|topic|code|\w+) (?:from|that|which|of the)\b|\bnot mutually exclusive|\bwhichever (?:apply|fit)|\bas many (?:\w+ )?as\b|\btick (?:all|every|the boxes|each)|\bmulti[- ]?select\b|\beach that applies|\ball tags\b|\bboth (?:tags|labels|can)|\bseparated? (?:by|with) (?:a )?(?:commas?|semicolons?|pipes?)[^.\n]{0,60}\b(?:none|empty)\b|\bwhich of (?:the|these|our|my)[^.\n]{0,60}\b(?:are|apply|appl[yi]|it (?:covers|touches|mentions)|do)\b",
    ),
    (
        _MULTI,
        1.6,
        r"\balle (?:zutreffend\w+|passend\w+|betroffen\w+|schlagw\w+|themen|kategorien)|\bmehrere (?:\w+ )?(?:labels?|kategorien|tags?|themen|schlagw\w+|antworten|zugleich|gleichzeitig|sind|möglich|angaben|auf einmal|codes?)|\bein oder mehrere|\bmehrfach\w+|\bauch mehrere|\bkeine?s?,? ein\w* oder mehrere|\b(?:eine?|null|kein\w*),? (?:eine?s? )?oder mehrere?|\bmehr als (?:eine?|ein) (?:label|tag|thema|kategorie)|\bplusieurs (?:étiquettes?|catégories|tags|thèmes|labels|réponses|motifs|à la fois|peuvent|sont|choix|mots|codes|sujets)|\btou(?:s|tes) (?:les|ceux|celles)[^.\n]{0,40}(?:qui s['’]appliquent|applicables?|concern\w+|pertinent\w*|présent\w*|mentionn\w*|abord\w*)|\bun(?:e)? ou plusieurs|\bzéro,? un|\bmulti-?étiquettes?|\bpeut (?:en )?(?:avoir|porter|cumuler|relever de) plusieurs",
    ),
    (
        _MULTI,
        1.6,
        r"\btodas? (?:las|los) (?:que|etiquetas|categorías|temas)|\btodos (?:los|as|os) que\b|\bvari[ao]s (?:etiquetas|categorías|a la vez|temas|respuestas|de ellas|de ellos|motivos|opciones)|\buna? o (?:más|varias|varios)|\bmás de un[ao]?\b|\bmulti-?etiqueta|\btod[ao]s (?:as|os)[^.\n]{0,25}(?:que se aplic\w+|aplicáveis|presentes|citad\w+|mencionad\w+)|\bum(?:a)? ou mais|\bmais de um(?:a)?\b|\bvári[ao]s (?:etiquetas|categorias|temas|ao mesmo tempo|rótulos|tags)|\bmúltipl[ao]s\b|\btutt[ei] (?:le|gli|i|quelle|quelli)[^.\n]{0,30}(?:che|pertinenti|applicabili)|\buna? o più|\bpiù di un[ao]?\b|\bpiù (?:etichette|categorie|tag|temi|voci)|\banche più di un",
    ),
    (
        _MULTI,
        1.6,
        r"\bmeerdere\b|\balle (?:labels|onderwerpen|categorieën|tags) die|\been of meer|\bwszystkie (?:\w+ )?(?:pasujące|etykiety|tagi|kategorie|tematy|które)|\bjedn\w+ lub (?:więcej|kilka)|\bkilka (?:etykiet|kategorii|tagów|naraz|tematów)|\bwięcej niż jed\w+|\bflera\b|\bjedn\w+ nebo více|\bvíce (?:štítků|kategorií)|\bнесколько (?:меток|категорий|тегов|тем|сразу|вариантов|ярлыков|причин|пунктов)|\bвсе (?:подходящие|метки|теги|темы|категории|которые|применимые|упомянутые|признаки|симптомы)|\bодн\w+ или (?:несколько|более)|\bодин или несколько|\bсразу несколько|\bкілька\b|\bбольше одно\w+|複数(?:選択|可|の(?:タグ|ラベル|カテゴリ)|該当|付|つけ|ある|回答|で)|該当するもの(?:を|は)?(?:すべて|全て)|(?:すべて|全て)(?:選|挙げ|付け|出力|列挙)|いくつでも|所有(?:适用|相关|符合|涉及|提到|的标签|标签)|多个(?:标签|类别|主题|选项)|多标签|可多选|可以多选|多选|可(?:以)?(?:有|属于|打|选|同时)[^。\n]{0,8}多个|一个或多个|一条.{0,12}多个|不止一个|해당(?:하는|되는).{0,12}(?:모두|전부|다 )|모두 (?:골라|선택|표시|나열|달아)|여러 (?:개|라벨|태그|카테고리)|복수|다중|하나 이상|birden (?:fazla|çok)|bir veya (?:daha fazla|birkaç)|hepsini|tüm (?:uygun|etiket|geçerli|ilgili)\w*|أكثر من (?:تصنيف|وسم|واحد|فئة|موضوع|نوع)|كل (?:ما ينطبق|الوسوم|التصنيفات|المواضيع|الفئات)|جميع (?:الوسوم|التصنيفات|ما|المواضيع|الفئات)|واحد[ةا]? أو أكثر|عدة (?:وسوم|تصنيفات)|एक से (?:ज़्यादा|ज्यादा|अधिक)|एक या (?:अधिक|एक से|ज़्यादा)|सभी (?:लागू|टैग|लेबल|श्रेणि|जो)|lebih dari satu|satu atau lebih|một hoặc nhiều|nhiều nhãn|tất cả",
    ),
    (
        _MULTI,
        0.5,
        r"\btags?\b(?! out)|\btagging\b|\bhashtags?\b|\bkeywords? from\b|\bschlagw\w+|\bverschlagwort\w+|\btiquet\w+|\betiquet\w+|\btegi\b|\bтег\w*|タグ|标签|태그|وسوم|टैग",
    ),
    # ---------------------------------------------------------------------------------------- regression
    (
        _REGRESSION,
        1.3,
        r"\bregress\w+|\b(?:a|the|one|single|as a|plain|just a) (?:real |decimal |continuous |floating[- ]point |whole |positive )*(?:number|float|decimal|integer|figure|percentage|probability)\b(?! of (?:the|a) (?:label|category|class|option))|\bprobability (?:that|of|between)\b|\b(?:score|number|value|rating|scale|probability|similarity|index|points?)\b[^.\n]{0,30}\b(?:between|from|on a scale of|in the range|within|of)?\s*-?(?:0|0\.0|1|-1|\[0)\s*(?:and|to|-|–|—|\.\.|,|through)\s*(?:1(?:\.0+)?|5\.0|10\.0|100|1000|10 with decimals)\b(?!\s*stars?)|\b0\s*(?:to|and|-|–|—|\.\.)\s*(?:100|1(?:\.0)?)\b|\bpercent(?:age)?\b|\b(?:with|to) (?:one|two|\d|1|2) decimals?\b|\bdecimals? (?:allowed|are fine|welcome|ok)|\bcontinuous\b|\bhow (?:many|much|long)\b[^.\n]{0,60}\b(?:minutes|hours|days|euros?|dollars|will|takes?|sell|cost|weeks|clicks|votes)\b|\b(?:estimate|predict|guess|forecast|price)\b[^.\n]{0,80}\b(?:price|cost|minutes|hours|days|weeks|duration|salary|amount|value|age|year|number of|how (?:many|much|long)|wait(?:ing)? time|score|effort|story points|calories|weight|distance|in (?:euros?|eur|usd|gbp|dollars|pounds|minutes|hours|days|kg|km))\b|\bas a (?:number|float|decimal)\b|\bregressor\b|\b(?:spearman|pearson|mae|rmse)\b",
    ),
    (
        _REGRESSION,
        1.3,
        r"\b(?:eine|als|nur|einzige|konkrete|genaue) (?:\w+ )?(?:zahl|dezimalzahl|kommazahl|gleitkommazahl|prozentzahl|wahrscheinlichkeit)\b|\bschätz\w*|\bwahrscheinlichkeit\b|\b(?:zwischen|von) 0(?:[.,]0)? (?:und|bis) (?:1(?:[.,]0)?|100|10)\b|\bnachkommastell\w+|\bwie (?:viel\w*|lange|teuer|hoch)\b|\b(?:un|le|en|seul) (?:nombre|chiffre|score|pourcentage|montant)\b|\bestim\w+\b|\bprobabilité\b|\bentre 0 et (?:1|100|10)\b|\bcombien\b|\bun (?:número|valor|puntaje)\b|\bpuntuación\b[^.\n]{0,30}\b\d|\bentre 0 y (?:1|100|10)\b|\bde 0 a (?:1|100|10)\b|\bprobabilidad\w*|\bcuánt[oa]s?\b|\bun numero\b|\bda 0 a (?:1|100|10)\b|\btra 0 e (?:1|100|10)\b|\bstim\w+\b|\bquant[oi]\b|\bum número\b|\bentre 0 e (?:1|100|10)\b|\bquant[oa]s?\b|\bpreço\b|\bprecio\b|\bprezzo\b|\bprix\b|\bpreis\b|\bcena\b|\bprijs\b",
    ),
    (
        _REGRESSION,
        1.3,
        r"\been getal\b|\bschat\b|\bkans\b|\btussen 0 en\b|\bhoeveel\b|\bliczb\w+\b|\boszacuj\w*|\bszac\w+|\bprawdopodobieństw\w+|\bod 0 do (?:1|100|10)\b|\bile\b|\bčíslo\b|\bodhadn\w+|\bчисл(?:о|ом|а)\b|\bоцен(?:и|ить|ку)\b[^.\n]{0,60}\b(?:от \d|цен|стоимост|минут|час|дн|рубл|сколько)|\bвероятност\w*|\bот 0 до (?:1|100|10)\b|\bсколько\b|\bпредска\w+[^.\n]{0,60}(?:цен|стоимост|врем|врема|количеств|число|балл)|\bстоимост\w*|数値|数字(?:で|を|だけ)|何(?:分|円|日|時間|パーセント|点)|予測|推定|見積も|0から(?:1|100)|0〜(?:1|100)|小数|点数|预测|估计|估算|预估|多少|数值|概率|0到(?:1|100)|0-100|0~100|分钟|小数|预计|숫자(?! 코드)|예측|추정|몇 (?:분|원|일|시간|점|개)|0에서 (?:1|100)|0~(?:1|100)|0부터|확률|점수|소수점|tahmin\w*|bir sayı|sayı olarak|0 ile (?:1|100)|olasılı\w+|kaç\b|puan\w*|رقم|عدد|توقع|تقدير|قد[ّ]?ر|احتمال|كم |من 0 إلى|संख्या|अनुमान|कितन|0 से (?:1|100)|संभावना|perkirakan|angka|ước lượng|dự đoán",
    ),
    # ------------------------------------------------------------------------------------------- records
    (
        _RECORDS,
        1.2,
        r"\bjson\b|\byaml\b|\bxml\b(?! tags?)|\bkey[- ]value pairs?\b|\bstructured (?:record|object|data|output|ones?|form|fields)\b|\bdictionary\b|\brecords?\b[^.\n]{0,30}\b(?:with|fields|keys|columns)\b|\bobject (?:with|per|out)\b|\bone object\b|\bschema\b|\bdatensatz\b|\bstrukturiert\w*|\bobjet json|\bfiche structurée|\bregistro estructurado|\bficha\b|\bструктурир\w+|構造化|结构化|구조화",
    ),
    (
        _RECORDS,
        0.8,
        r"\bfields?\b|\bkeys?\b|\bcolumns?:|\bfelder\w*|\bchamps?\b|\bclés?\b|\bcampos?\b|\bclaves?\b|\bchaves?\b|\bcampi\b|\bchiavi\b|\bпол(?:я|ями|ей|е)\b|\bключ\w*|\bpol(?:a|ami|ach)\b|\bpól\b|\balanlar\w*|\bvelden\b|フィールド|項目|キー|字段|필드|항목|حقول|المفاتيح|फ़ील्ड",
    ),
    (
        _RECORDS,
        1.2,
        r"[{]\s*[\"'“]?\w+[\"'”]?\s*:\s*(?:[\"'“<\[{]|string|str|number|int|float|bool|null|true|\.\.\.)",
    ),
    (_RECORDS, 0.5, r"\bnull\b|\bmissing fields?\b|\(string\)|\barray of\b|\bstring or null\b"),
    # ------------------------------------------------------------------------------- question answering
    (
        _QA,
        1.4,
        rf"\b(?:answers?|respond\w*|reply)\b[^.\n]{{0,80}}\b(?:from|using|based on|given|about|according to|with|in|out of|contained in|stands? in)\b[^.\n]{{0,40}}\b{_TEXTS}\b|\b{_TEXTS}\b[^.\n]{{0,60}}\b(?:and|with|plus|\+|,) (?:an? |the |my |their |one )?(?:\w+ ){{0,2}}questions?\b|\bquestions?\b[^.\n]{{0,60}}\b(?:and|with|about|on|over|plus|\+|,|to) (?:an? |the |our |that |its |this )?(?:\w+ ){{0,3}}{_TEXTS}\b|\breading comprehension|\bsquad\b|\bopen[- ]book|\bextractive (?:qa|question)|\bquestion[- ]answering|\bq&a\b|\bq/a\b",
    ),
    (
        _QA,
        1.0,
        r"\{+ ?(?:question|query|frage|pregunta|pergunta|domanda|вопрос|質問|问题|질문)\w* ?\}+|(?:^|\n)\s*(?:question|frage|pregunta|pergunta|domanda|вопрос|質問|问题|问|질문|soru|vraag|pytanie|سؤال|प्रश्न)\s*[:：]",
    ),
    (
        _QA,
        1.3,
        r"\b(?:frage\w*)\b[^.\n]{0,140}\b(?:text\w*|absatz|passage|abschnitt|dokument|paragraf\w*|paragraph\w*|vertrag\w*|handbuch|anleitung|auszug|satzung)\b[^.\n]{0,100}|\b(?:text\w*|absatz|passage|abschnitt|dokument|vertrag|handbuch|anleitung|auszug)\b[^.\n]{0,80}\b(?:frage\w*|beantwort\w*)|\bquestions?\b[^.\n]{0,100}\b(?:texte|passage|contexte|extrait|document|paragraphe|notice|contrat|règlement|article)\b|\b(?:texte|passage|contexte|extrait|document|paragraphe|notice|contrat|règlement|article)\b[^.\n]{0,80}\bquestions?\b|\b(?:pregunta\w*|pergunta\w*)\b[^.\n]{0,140}\b(?:texto|pasaje|contexto|párrafo|documento|fragmento|trecho|manual|contrato|artículo|artigo|parágrafo|ley|regulamento|reglamento)\b|\b(?:texto|pasaje|contexto|párrafo|documento|fragmento|trecho|manual|contrato)\b[^.\n]{0,80}\b(?:pregunta\w*|pergunta\w*)|\bdomand\w+\b[^.\n]{0,140}\b(?:testo|brano|contesto|paragrafo|documento|manuale|contratto|regolamento|passaggio)\b|\b(?:testo|brano|paragrafo|documento|manuale|contratto|regolamento|passaggio)\b[^.\n]{0,80}\bdomand\w+|\bvra(?:ag|gen)\b[^.\n]{0,120}\b(?:tekst|passage|alinea|document|artikel|handleiding)\b|\bpyta\w+\b[^.\n]{0,140}\b(?:tekst\w*|fragment\w*|akapit\w*|dokument\w*|umow\w+|regulamin\w*|instrukcj\w+)\b|\b(?:tekst\w*|fragment\w*|akapit\w*|dokument\w*|umow\w+|regulamin\w*)\b[^.\n]{0,80}\bpyta\w+",
    ),
    (
        _QA,
        1.3,
        r"\bвопрос\w*\b[^.\n]{0,140}(?:текст\w*|отрыв\w*|абзац\w*|контекст\w*|документ\w*|фрагмент\w*|инструкц\w+|договор\w*|стать\w+)|(?:текст\w*|отрыв\w*|абзац\w*|контекст\w*|документ\w*|фрагмент\w*|инструкц\w+|договор\w*|параграф\w*)[^.\n]{0,80}\bвопрос\w*|\bпитання\b[^.\n]{0,140}(?:текст\w*|абзац\w*|уривк\w*)|(?:文章|本文|文脈|段落|パッセージ|マニュアル|規約|文書|資料|テキスト|記事).{0,40}(?:質問|問い)|(?:質問|問い).{0,40}(?:文章|本文|文脈|段落|マニュアル|規約|文書|資料|テキスト|記事)|(?:文章|段落|文本|原文|材料|文档|条款|手册|说明书|合同|上下文).{0,40}(?:问题|提问|回答|问)|(?:问题|提问|问).{0,40}(?:文章|段落|文本|原文|材料|文档|条款|手册|说明书|合同|上下文)|(?:지문|본문|문서|문단|글|약관|설명서|매뉴얼|규정|기사).{0,40}(?:질문|물음|답)|(?:질문|물음).{0,40}(?:지문|본문|문서|문단|글|약관|설명서|매뉴얼|규정|기사)|\bsoru\w*\b[^.\n]{0,120}\b(?:metin\w*|paragraf\w*|pasaj\w*|belge\w*|doküman\w*|sözleşme\w*|kılavuz\w*)|\b(?:metin\w*|paragraf\w*|pasaj\w*|belge\w*|sözleşme\w*)[^.\n]{0,80}\bsoru\w*|سؤال[^.\n]{0,100}(?:النص|نص|الفقرة|فقرة|المقال|الوثيقة|الدليل|العقد)|(?:النص|نص|فقرة|الفقرة|المقال|وثيقة|عقد)[^.\n]{0,80}(?:سؤال|السؤال|الأسئلة|أجب)|(?:सवाल|प्रश्न).{0,80}(?:पैराग्राफ|अनुच्छेद|पाठ|लेख|दस्तावेज़|गद्यांश)|(?:पैराग्राफ|अनुच्छेद|पाठ|लेख|गद्यांश).{0,60}(?:सवाल|प्रश्न)|\bpertanyaan\b[^.\n]{0,80}\b(?:teks|paragraf|dokumen)|\bcâu hỏi\b[^.\n]{0,80}\b(?:đoạn|văn bản)|(?:đoạn|văn bản)[^.\n]{0,80}\bcâu hỏi",
    ),
    # ---------------------------------------------------------------------------------------- extraction
    (
        _EXTRACTION,
        1.2,
        r"\bextract(?:s|ed|ing|ion|or)?\b(?! summar)|\bpull\w* (?:out )?(?:the|every|all|any|out|an?)\b|\bfish (?:out|the)|\bpick(?:s|ed)? out\b|\bget (?:the|all|every|me the)\b|\bgrab\b|\bfind (?:the|all|every|any|that|each|me)\b|\blocate\b|\bcopy\b|\bcopied\b|\bverbatim\b|\bas (?:it is |they are )?written\b|\bword for word\b|\bnamed entit\w+|\bner\b|\bentit(?:y|ies)\b|\bspans?\b|\bslots?\b|\bhighlight\w*\b|\bmentions? of\b|\blist (?:all|every|each|the)\b(?! (?:labels|categories|tags))|\bnote down\b|\bwhere does (?:it|the)|\bread (?:off|out) the\b|\bsequence (?:labell?ing|tagging)|\btoken classification|\bkey ?phrases?\b|\bpart of the (?:text|sentence|message|title|query) (?:that|which)|\bbio\b tags?|\bidentify (?:the|all|every|each) (?:\w+ ){0,3}(?:names?|entit\w+|dates?|numbers?|amounts?|phrases?|words?|mentions?|terms?|addresses|drugs?|companies|company|person|people|places?|products?|ingredients?|skills?|quantit\w+|span)\b",
    ),
    (
        _EXTRACTION,
        1.2,
        r"\bextrahier\w*|\bherauszieh\w*|\bherausles\w*|\bherausfisch\w*|\bheraussuch\w*|\bheraus(?:schreib|hol|such|kopier|pick|geb)\w*|\bzieh\w*\b[^.\n]{0,60}\b(?:raus|heraus|aus)\b|\bfind\w* (?:alle|den|die|das)\b|\bwörtlich\b|\bwie (?:es|er|sie) (?:im text |dort |da )?steht|\bentität\w*|\beigennamen\b|\bpersonennamen\b|\bextrai\w*|\bextract\w*|\brelev(?:er|ez|e)\b|\brepér\w+|\brepère\w*|\brécupér\w+|\btrouv\w+ (?:le|la|les|tous|toutes)\b|\brecopi\w+|\bentités?\b|\bmot pour mot\b|\btel(?:le)?s? (?:quel|qu['’])\w*|\bextra[ei]\w*|\bextraig\w*|\bextracción|\bextração|\bsac(?:a|ar|ame|arme)\b|\bencuentr\w+|\bentidad\w*|\bentidade\w*|\bliteral(?:mente)?\b|\btal (?:cual|como|y como)\b|\bpuxa\w*|\bpeg(?:a|ue|ar)\b|\bidentificar? (?:o|a|os|as|todos|todas|los|las|el) \w+|\bretir\w+|\bestra\w+|\bindividua\w*\b|\btrova\w*\b|\bentità\b|\bcosì com['’]è|\bparola per parola|\bricava\w*",
    ),
    (
        _EXTRACTION,
        1.2,
        r"\bhaal\b[^.\n]{0,60}\b(?:uit|eruit)\b|\bletterlijk\b|\bwyciągn\w*|\bwyciąg\w*|\bwypis\w*|\bwyodrębn\w*|\bznajd\w*|\bdosłownie\b|\bekstrah\w*|\bvytáhn\w*|\bnajdi\b|\bplocka (?:ut|fram)|\bhitta\b|\bизвлек\w*|\bизвлеч\w*|\bвытащ\w*|\bвыдел\w*|\bвыпиш\w*|\bвыпис\w+|\bнайди\w*|\bнайти\b|\bдостать\b|\bдостань\w*|\bвытян\w+|\bсущност\w*|\bдословно\b|\bкак (?:оно |она |он )?(?:написан|указан|в тексте)\w*|\bвитяг\w*|\bзнайд\w*|抜き出|抽出|取り出|書き出|拾い|見つけ|固有表現|そのまま|抽取|提取|摘出|摘录|找出|抠出|识别出|实体|原样|原文中的|추출|뽑|찾아|골라내|발췌|개체명|그대로|çıkar\w*|çek(?:in|ip|mek|iyor|sin)?\b|bul(?:un|up|sun|mak|ması)?\b|varlık ismi|aynen|استخر\w*|استخراج|التقط|أوجد|كما (?:ورد|هو|وردت|هي|كتب)\w*|निकाल|ढूँढ|खोज|ekstrak\w*|ambil\b|trích xuất|rút ra|tìm\b",
    ),
    (
        _EXTRACTION,
        0.5,
        r"\b(?:order|invoice|phone|account|policy|tracking|serial|case|flight|iban|part|licen[cs]e) (?:number|no\.?|id|code|plate)s?\b|\b(?:company|drug|person|people['’]s|product|street|brand|city|place|medication|author|celebrity|street) names?\b|\bname of the\b|\bdates?\b|\baddress(?:es)?\b|\bdeadline\b|\bdosage\b|\bamounts?\b|\bnummer\b|\bdatum\b|\bnuméros?\b|\bdate\b|\bnombres? (?:de|propios)\b|\bfecha\w*|\bdata\b|\bnumero\b|\bдат[уыа]\b|\bномер\w*|\bфамили\w*|\bимен[аи]?\b|\bназвани\w+|日付|日時|金額|番号|名前|会社名|商品名|地名|人名|日期|金额|号码|姓名|公司名|药品|地址|날짜|금액|번호|이름|상품명|주소|tarih\w*|numaras\w*|isim\w*|ad(?:ı|ını)\b|تاريخ|رقم ال|اسم|أسماء|المبلغ|तारीख|नाम|नंबर|राशि",
    ),
    # -------------------------------------------------------------------------------------- text to text
    (
        _TEXT,
        1.1,
        r"\btranslat(?:e|es|ion|or|ing)\b|\bsummar(?:i[sz]e|i[sz]es|y|ies|i[sz]ation|i[sz]er|i[sz]ing)\b|\bparaphras\w*|\brewrit\w*|\bre-?phras\w*|\breword\w*|\bsimplif\w*|\bconvert\w*|\bnormali[sz]\w*|\btransform\w*|\btransliterat\w*|\bpunctuat\w*|\bproofread\w*|\bcopy[- ]?edit\w*|\bcorrect(?:s|ed)? (?:the|its|my|their|grammar|spelling)|\bgrammar\b|\bspelling\b|\bfix(?:es)? the\b|\bexpand\w*|\bshorten\w*|\bpolish\b|\bplain (?:english|language)\b|\bheadlines?\b(?= for)|\bsubject lines?\b|\btitles? (?:for|of at most)|\bdraft\w*|\bwrite (?:an?|the|me|one|out|up|back|in|two|a)\b|\bwrites\b|\bgenerat\w+|\bcompose\b|\bproduce (?:an?|the) (?:\w+ ){0,3}(?:text|description|sentence|reply|version|paragraph|function|query|summary|title|code|equivalent)\b|\breply to (?:the|a|each|every|customer|reviews?)|\bturn\w*\b[^.\n]{0,80}\binto\b(?! (?:json|a (?:json|record|structured)))|\bexplain\w*|\bdescriptions? of (?:about|at most)|\b(?:sql|regex|regexp|bash|cypher|python) (?:quer(?:y|ies)|code|command|one[- ]liner|function|expression)|-> ?(?:\w+ ){0,2}(?:regex|sql|code|english|french|german|python|bash)|\bin other words\b|\bcontinue the\b|\bcomplete the\b|\banonymi[sz]\w*|\bredact\w*|\bdetox\w*|\btl;?dr\b|\bmake (?:it|them|this|these|the \w+) (?:\w+er|sound|more|less|polite|formal|readable|short)\b|\bformal(?:i[sz]e)?\b|\bcaptions? for\b|\bslogans?\b|\bpoems?\b|\bcommit messages?\b|\brelease notes?\b|\balt text\b",
    ),
    (
        _TEXT,
        1.1,
        r"\bübersetz\w*|\bfass\w*\b[^.\n]{0,60}\bzusammen|\bzusammenfass\w*|\bschreib\w*(?! (?:sie|es) ab)\b|\bumschreib\w*|\bumformulier\w*|\bformulier\w*|\bkorrigier\w*|\bvereinfach\w*|\bverwandel\w*|\bkürz\w*|\bbetreff\w*|\bin (?:einfache[rs]?|leichter) (?:sprache|deutsch)|\bentwurf\b|\bverfass\w*|\btradui\w*|\btraduct\w*|\brésum\w*|\brédig\w*|\breformul\w*|\bécri(?:re|s|vez|ture)\b|\bcorrig\w*|\bsimplifi\w*|\btransform\w*|\btraduc\w*|\btraduz\w*|\btradurr\w*|\btradurre|\bresum(?:e|en|ir|a|o|í|ís)\w*\b|\bescrib\w*|\bredact\w*|\breescrib\w*|\breescrev\w*|\bescrev\w*|\breformul\w*|\bcorreg\w*|\bcorrij\w*|\bconvert\w*|\btransforma\w*|\bsimplific\w*|\bsemplific\w*|\briscriv\w*|\bscriv\w*|\briassum\w*|\briassunto|\bredig\w*|\bvertaal\w*|\bvertal\w*|\bsamenvat\w*|\bherschrijf\w*|\bherschrijven|\bschrijf\w*|\bprzetłumacz\w*|\btłumacz\w*|\bstreszcz\w*|\bstreść|\bnapisz\w*|\bprzepisz\w*|\bpopraw\w*|\bzamień\w*|\bskróć|\böversätt\w*|\bskriv\b|\bsammanfatta|\bpřelož\w*|\bnapiš\w*|\bpřepiš\w*|\bshrň",
    ),
    (
        _TEXT,
        1.1,
        r"\bперевед\w*|\bперевод\w*|\bнапиш\w*|\bнаписать\b|\bперепиш\w*|\bперефраз\w*|\bсократ\w*|\bкратко\b|\bизлож\w*|\bрезюм\w*|\bпересказ\w*|\bисправ\w*|\bсгенерир\w*|\bсочин\w*|\bпреобраз\w*|\bсоставь\w*|\bпереклад\w*|\bнапиш\w*|翻訳|訳して|要約|書き直|言い換え|リライト|文章を作|作成して|直して|校正|変換|書いて|タイトルを(?:付|つけ|考)|翻译|译成|总结|摘要|概括|改写|润色|写一|写成|撰写|生成|纠正|改成|转换|续写|简化|번역|요약|고쳐|바꿔|바꾸|다듬|작성해|써 ?줘|써 ?주|변환|교정|çevir\w*|özetle\w*|özet\w*|yeniden yaz\w*|yaz(?:ın|ar|sın|ılsın|mak|malı)?\b|düzelt\w*|dönüştür\w*|ترجم|ترجمة|لخ[ّ]?ص|تلخيص|أعد (?:صياغة|كتابة)|صياغة|اكتب (?:رد|عنوان|ملخص|وصف|نص)|صحح|حو[ّ]?ل|अनुवाद|सारांश|लिखो|लिखें|लिखिए|बदलो|बदलें|सुधार|terjemahkan|ringkas|tulis\b|dịch|tóm tắt|viết lại|viết",
    ),
    # --------------------------------------------------------------------------------------- unsupported
    (
        _OTHER,
        1.8,
        r"\b(?:photos?|photographs?|pictures?|images?|jpe?gs?|png|screenshots?|x-?rays?|mri|ct scans?|scans? of|satellite|webcam|cctv|camera (?:feed|footage|trap|image)|video(?:s| clips?| footage)?|footage|audio|recordings?|voice (?:notes?|messages?|assistant|clone)|mp3|wav|podcast audio|speech[- ]to[- ]text|text[- ]to[- ]speech|transcribe|microphone|spectrogram\w*|sound (?:files?|clips?)|fotos?|bilder?|bilddatei\w*|röntgen\w*|aufnahmen?|tonaufnahm\w*|photos|vidéos?|enregistrements?|radiographies?|imágenes|fotografías?|grabaciones|audios?|radiografías?|imagens?|gravações|immagini|foto|registrazioni|zdjęci\w*|nagrani\w*|фотографи\w*|фото|снимк\w*|изображени\w*|аудио\w*|видео\w*|запис\w+ (?:звонк|разговор|голос)\w*|fotoğraf\w*|görüntü\w*|görsel\w*|ses kay\w+|画像|写真|音声|動画|録音|图片|照片|图像|视频|音频|录音|截图|이미지|사진|음성|녹음|동영상|صور|صورة|تسجيل|فيديو|صوت|तस्वीर|फोटो|फ़ोटो|रिकॉर्डिंग|वीडियो|gambar|ảnh|hình ảnh)\b(?! (?:caption|description|credit|url|link))",
    ),
    (
        _OTHER,
        1.6,
        r"画像|写真|音声|動画|録音|图片|照片|图像|视频|音频|录音|截图|이미지|사진|음성|녹음|동영상|صور(?:ة|)|تسجيلات|فيديو|तस्वीर|फ़ोटो|फोटो|वीडियो",
    ),
    (
        _OTHER,
        1.6,
        r"\bchat ?bots?\b|\bcompanion\b|\bvirtual assistant\b|\bmulti[- ]turn\b|\bconversational\b|\bmany turns\b|\bkeep\w* the conversation|\bremembers? (?:what|the|our|everything|earlier)|\bcarry on a conversation|\bchats? with\b|\bfollow-up questions\b|\btalk (?:to|with) (?:it|me|our|users|customers|visitors)\b|\bautonomous\w*|\bagent\b(?!s? (?:write|wrote|notes?|who|in the))(?=[^.\n]{0,100}\b(?:browse|search|click|book|call|tool|web|log|order|send|goes|logs|runs)\w*)|\bbrowse (?:the|to|websites)|\bcalls? (?:tools|apis?|functions)\b|\blog(?:s)? in(?:to)? (?:to )?(?:the|our|my)\b|\bsearch(?:es)? the (?:web|internet)|\bgoogle it\b|\bscrap(?:e|es|ing) (?:the )?(?:web|sites?)|\btime[- ]series\b|\bforecast\w*|\bnext (?:\d+|few|two|three|six|twelve|quarter|month['’]?s?|week['’]?s?|year['’]?s?) ?(?:hours|days|weeks|months|quarters)?\b(?=[^.\n]{0,60}\b(?:sales|demand|load|sensor|consumption|revenue|stock|price|figures|visitors|history))|\bsensor (?:readings|data|values)|\brecommend(?:s|er|ation|ations)?\b(?=[^.\n]{0,100}\b(?:histor\w+|users?|watched|bought|played|listened|purchases|viewed|clicks|ratings|next)\b)|\bwatch(?:ed)? history|\bpurchase histor\w+|\bbrowsing histor\w+|\bdraw (?:me )?an?\b|\bmemory of (?:previous|earlier|past)\b",
    ),
    (
        _OTHER,
        1.6,
        r"\bzeitreihe\w*|\bvorhersage der\b|\bnächsten (?:\d+ |zwei |drei |sechs )?(?:stunden|tage|wochen|monate)|\bmalt\b|\bzeichn\w*|\blogo\b|\bmehrere gesprächsrunden|\bgesprächspartner\w*|\bunterhält\b|\bsich (?:mit \w+ )?unterhalten|\bprévoir\b|\bsérie temporelle|\bhistorique (?:de|des) (?:consommation|ventes|achats)|\bprochain(?:e)?s (?:\d+ )?(?:heures|jours|semaines|mois)|\bagent conversationnel|\bdiscut(?:er|e) avec|\bdessin\w*|\bserie(?:s)? temporal\w*|\bpróxim[ao]s (?:\d+ )?(?:horas|días|dias|semanas|meses)|\bpronostic\w*|\bhistorial de\b|\bchatear\b|\bconvers(?:ar|e|a) com\b|\bconvers(?:ar|e) con\b|\bserie storic\w+|\bprossim[ei] (?:\d+ )?(?:ore|giorni|settimane|mesi)|\bprevision[ei]\b|\bszereg\w* czasow\w*|\bprognoz\w*|\brozmawia\w*|\bвременн\w+ ряд\w*|\bпрогноз\w*|\bследующ\w+ (?:\d+ )?(?:час|дн|недел|месяц)\w*|\bчат-?бот\w*|\bголосов\w+|\bнарисуй\w*|\bрисова\w+|チャットボット|会話を続け|話し相手|対話(?:型|を)|時系列|来週の売上|今後.{0,6}(?:日|週|月)間?|描いて|聊天机器人|聊天|多轮|陪伴|时间序列|未来.{0,5}(?:天|周|小时|个月|月)|画一|챗봇|대화를 (?:이어|계속)|대화 상대|시계열|향후|그려|sohbet\w*|zaman serisi|önümüzdeki (?:\d+ )?(?:gün|hafta|ay|saat)|çiz(?:en|sin|mesi|er)|روبوت (?:محادثة|دردشة)|محادثة (?:مستمرة|طويلة)|سلسلة زمنية|الأيام القادمة|يرسم|ارسم|चैटबॉट|बातचीत करे",
    ),
)
