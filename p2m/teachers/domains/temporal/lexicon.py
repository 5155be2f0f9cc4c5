"""The words of the sentences around an expression: who did what, in the voices of news, mail and chat.

Data, not code. Nothing here may name a date or look like one: a sentence is undated until the grammar adds an
expression (a test reads every line for months, weekdays, years and the like). What looks temporal on purpose
lies in `distractors`. A predicate is `past|base`; slots in braces are filled from the list of that name.
"""

from __future__ import annotations


def lines(text: str) -> tuple[str, ...]:
    """The non-blank lines."""
    return tuple(line.strip() for line in text.strip().splitlines() if line.strip())


def words(text: str) -> tuple[str, ...]:
    """Entries between commas."""
    return tuple(" ".join(part.split()) for part in text.split(",") if part.strip())


FIRST = words("""
Ada, Adam, Agnes, Ahmed, Aisha, Alan, Alejandra, Alice, Amara, Amir, Ana, Anders, Andrea, Anil, Anita,
Anton, Arjun, Astrid, Ben, Bianca, Boris, Brenda, Bruno, Camila, Carl, Carmen, Cedric, Celia, Chen, Chloe,
Clara, Colin, Daniel, Dara, David, Deepa, Derek, Diana, Diego, Dmitri, Edith, Elena, Eli, Elsa, Emeka,
Emma, Enzo, Erik, Esther, Eva, Fatima, Felix, Fiona, Frank, Freya, Gabriel, Georgia, Gita, Grace, Greta,
Gustav, Hana, Hannah, Harold, Hassan, Hector, Helen, Henrik, Hugo, Ian, Ibrahim, Igor, Ines, Ingrid,
Irene, Isaac, Ivan, Jack, Jamal, James, Jana, Jenny, Joan, Joel, Jonas, Jorge, Jude, Julia, Karen, Kasia,
Keiko, Kenji, Kofi, Kwame, Lars, Laura, Lena, Leo, Liam, Lila, Linda, Louis, Lucia, Luis, Lydia, Mae,
Magnus, Malik, Marco, Maria, Marta, Mateo, Max, Mei, Mia, Miguel, Mina, Miriam, Mohamed, Nadia, Naomi,
Nathan, Nia, Nikolai, Nina, Noah, Nora, Olga, Oliver, Omar, Oscar, Otto, Pablo, Paul, Pedro, Petra,
Philip, Priya, Rachel, Rafael, Raj, Ravi, Rebecca, Rita, Robert, Rosa, Ruth, Sam, Samir, Sandra, Sara,
Sean, Simon, Sofia, Stefan, Stella, Sven, Tamar, Tara, Theo, Thomas, Tim, Tomas, Uma, Vera, Victor,
Vikram, Walter, Wei, Yara, Yusuf, Yuki, Zainab, Zoe
""")

LAST = words("""
Abbott, Achebe, Adeyemi, Ahlberg, Aksoy, Albrecht, Alvarez, Andersson, Baker, Banerjee, Barros, Bauer,
Becker, Bell, Bergman, Bianchi, Bishop, Bjork, Blake, Bose, Brennan, Brooks, Byrne, Calloway, Carver,
Castillo, Chandra, Chavez, Chowdhury, Clarke, Cohen, Conti, Cruz, Dahl, Danso, Delgado, Diaz, Doyle,
Dubois, Duarte, Eriksen, Esposito, Evans, Farrell, Ferreira, Fischer, Fletcher, Fontaine, Ford, Fraser,
Garcia, Gibson, Gill, Goldberg, Gomez, Grant, Greco, Gupta, Haddad, Hansen, Harper, Hayes, Hoffmann, Holm,
Hughes, Ibarra, Ito, Ivanova, Jensen, Johnson, Jones, Kamau, Kapoor, Keller, Kelly, Khan, Kim, King,
Klein, Kovacs, Kowalski, Kruger, Lambert, Larsen, Lee, Lindqvist, Lopez, Lund, MacLeod, Mahmoud, Marino,
Martin, Mensah, Meyer, Miller, Mishra, Moreau, Morgan, Murphy, Nakamura, Navarro, Nguyen, Nilsson, Novak,
Nowak, Obi, Okafor, Oliveira, Olsen, Ortiz, Osei, Park, Patel, Pereira, Peters, Petrov, Popescu, Quinn,
Rahman, Ramirez, Rao, Reyes, Ricci, Romano, Rossi, Roy, Ryan, Saito, Salazar, Santos, Sato, Schmidt,
Schneider, Sharma, Silva, Singh, Smith, Sorensen, Souza, Stewart, Suzuki, Tanaka, Taylor, Thompson,
Torres, Tran, Turner, Vargas, Vasquez, Wagner, Walker, Walsh, Weber, White, Williams, Wilson, Wong,
Wright, Yamada, Yilmaz, Young, Zhang, Zimmer
""")

CITY = words("""
Accra, Amsterdam, Ankara, Athens, Atlanta, Auckland, Baltimore, Bangkok, Barcelona, Beirut, Belfast,
Belgrade, Bergen, Berlin, Bern, Birmingham, Bogota, Boston, Brighton, Brisbane, Bristol, Brussels,
Bucharest, Budapest, Buenos Aires, Cairo, Calgary, Cape Town, Cardiff, Chicago, Cleveland, Cologne,
Copenhagen, Cork, Dakar, Dallas, Delhi, Denver, Detroit, Dresden, Dublin, Durban, Edinburgh, Florence,
Frankfurt, Geneva, Genoa, Glasgow, Gothenburg, Hamburg, Hanoi, Havana, Helsinki, Houston, Istanbul,
Jakarta, Karachi, Kyiv, Krakow, Kyoto, Lagos, Leeds, Leipzig, Lima, Lisbon, Liverpool, London, Los
Angeles, Lyon, Madrid, Manchester, Manila, Marseille, Melbourne, Memphis, Mexico City, Miami, Milan,
Minneapolis, Montreal, Moscow, Mumbai, Munich, Nairobi, Naples, Nashville, New Orleans, New York, Nice,
Oakland, Osaka, Oslo, Ottawa, Oxford, Palermo, Paris, Perth, Philadelphia, Phoenix, Pittsburgh, Portland,
Porto, Prague, Quebec, Quito, Riga, Rio de Janeiro, Rome, Rotterdam, San Diego, San Francisco, Santiago,
Sarajevo, Seattle, Seoul, Seville, Shanghai, Sheffield, Singapore, Sofia, Stockholm, Sydney, Taipei,
Tallinn, Tampa, Tbilisi, Tokyo, Toronto, Toulouse, Trieste, Tunis, Turin, Utrecht, Valencia, Vancouver,
Venice, Vienna, Vilnius, Warsaw, Washington, Wellington, Zagreb, Zurich
""")

ORG = words("""
the city council, the central bank, the health ministry, the foreign ministry, the education department,
the transport authority, the food safety agency, the national museum, the state university, the port
authority, the teachers' union, the nurses' union, the football association, the Olympic committee, the
regional court, the supreme court, the electoral commission, the water board, the housing agency, the
weather service, the coast guard, the fire department, the county sheriff's office, the school board, the
planning committee, the opera house, the public library, the film festival, the botanical garden, the city
zoo, the ferry operator, the airline, the carmaker, the chipmaker, the publisher, the broadcaster, the
brewery, the shipyard, the steel maker, the supermarket chain, the pharmacy chain, the insurer, the phone
company, the game studio, the software maker, the startup, the charity, the hospital, the research
institute, the space agency, the museum of modern art, the data protection office, the rail company, the
bus company, the power company, the solar firm, the toy maker, the furniture chain, the coffee chain, the
dairy cooperative
""")

ROLE = words("""
the mayor of {city}, the prime minister, the finance minister, the interior minister, the head coach, the
team captain, the striker, the goalkeeper, the composer, the novelist, the architect, the chief executive,
the chairwoman, the company's founder, the principal, the head teacher, the ambassador, a spokesman for
{org}, a spokeswoman for {org}, the lead singer, the director, the bishop of {city}, the governor, the
senator, the district attorney, the defence lawyer, the chief scientist, the lead author, the village
priest, the union leader, the opposition leader, the pianist, the goalkeeping coach, the champion, the
inspector, the head of {org}, a local farmer, a retired teacher, a student from {city}, a nurse from
{city}, the landlord, the neighbour, the museum's curator
""")

TEAM = words("""
{city} United, {city} City, {city} Rovers, the {city} Bears, the {city} Hawks, the {city} Lions, the
{city} Comets, Real {city}, Dynamo {city}, the home side, the visitors, the women's team, the national
team, the underdogs, the league leaders, the rookies
""")

THING = words("""
the old bridge, the new terminal, the swimming pool, the tunnel, the main library, the ski lift, the
museum's east wing, the stadium, the cable car, the ferry line, the shopping centre, the town hall, the
footbridge, the lighthouse, the power plant, the cinema, the concert hall, the underground car park, the
tram line, the reservoir, the community garden, the observatory, the steel mill, the bakery on the corner,
the local post office, the night bus, the visitor centre, the climbing gym, the covered market, the pier
""")

EVENT = words("""
the book fair, the city marathon, the charity concert, the trade fair, the film festival, the cup final,
the chess tournament, the school play, the flower show, the jazz festival, the wine tasting, the science
fair, the regatta, the job fair, the street party, the board meeting, the general assembly, the climate
summit, the peace talks, the court hearing, the auction, the open house, the poetry reading, the
graduation ceremony, the wedding, the memorial service, the hackathon, the workshop, the food market
""")

OBJECT = words("""
bike, laptop, tent, sofa, guitar, camera, washing machine, sewing machine, kayak, bookshelf, projector,
coffee grinder, dishwasher, scooter, violin, telescope, raincoat, rucksack, keyboard, lawnmower, drill,
router, printer, phone, tablet, headphones, bread maker
""")

RELATIVE = words("""
my sister, my brother, my cousin, my aunt, my boss, my flatmate, my neighbour, our landlord, my dad, my
mum, my daughter, my son, our teacher, my colleague {first}, {first}, {first}, {first}, {first} from
accounting, {first} and {first}, the kids, the twins, grandma
""")

PUBLIC = lines("""
resigned|resign
announced a plan to cut taxes|announce a plan to cut taxes
met {person} in {city}|meet {person} in {city}
opened an exhibition in {city}|open an exhibition in {city}
signed a treaty with {country}|sign a treaty with {country}
visited {city}|visit {city}
gave a speech at {event}|give a speech at {event}
was sworn in|be sworn in
published a memoir|publish a memoir
released a third album|release a third album
testified before the committee|testify before the committee
moved to {city}|move to {city}
returned to {city}|return to {city}
was elected to parliament|stand for parliament
left the party|leave the party
became head of {org}|become head of {org}
appeared in court|appear in court
pleaded not guilty|plead not guilty
was sentenced to community service|be sentenced
received an award for bravery|receive an award for bravery
donated {amount} to {org}|donate {amount} to {org}
called for an inquiry|call for an inquiry
unveiled a statue of {person}|unveil a statue of {person}
underwent knee surgery|undergo knee surgery
married {person} in {city}|marry {person} in {city}
died in {city}|be buried in {city}
retired from politics|retire from politics
started work at {org}|start work at {org}
took part in {event}|take part in {event}
launched a campaign against litter|launch a campaign against litter
accepted an offer from {org}|accept an offer from {org}
apologised to the families|apologise to the families
flew to {city} for talks|fly to {city} for talks
sued {org} over the contract|sue {org} over the contract
sold the house in {city}|sell the house in {city}
won a seat on the board|seek a seat on the board
withdrew from the race|withdraw from the race
introduced a bill on school meals|introduce a bill on school meals
vetoed the bill|veto the bill
swam across the strait|swim across the strait
climbed the north face without oxygen|climb the north face without oxygen
broke the national record|attempt the national record
played the lead in a new production|play the lead in a new production
conducted the orchestra in {city}|conduct the orchestra in {city}
taught a course on bridges|teach a course on bridges
was released from hospital|be released from hospital
was arrested at the airport|be questioned by police
was appointed to the court|be appointed to the court
closed the shop|close the shop
lost the appeal|file an appeal
""")

COMPANY = lines("""
reported a loss of {amount}|report a loss of {amount}
raised prices|raise prices
cut {count} jobs|cut {count} jobs
hired {count} people in {city}|hire {count} people in {city}
opened an office in {city}|open an office in {city}
closed its plant near {city}|close its plant near {city}
recalled {count} cars|recall {count} cars
approved the merger|approve the merger
rejected the bid|reject the bid
published new figures|publish new figures
launched an app for parents|launch an app for parents
suspended flights to {city}|suspend flights to {city}
resumed flights to {city}|resume flights to {city}
bought a rival for {amount}|buy a rival for {amount}
sold its stake in {org}|sell its stake in {org}
filed for bankruptcy|file for bankruptcy
issued a warning about scams|issue a warning about scams
fined {org} {amount}|fine {org} {amount}
began testing a vaccine|begin testing a vaccine
sent a probe to the moon|send a probe to the moon
moved its headquarters to {city}|move its headquarters to {city}
settled the lawsuit|settle the lawsuit
banned plastic bags|ban plastic bags
lifted the curfew|lift the curfew
ordered a recount|order a recount
held talks with {org}|hold talks with {org}
released the report|release the report
changed its logo|change its logo
went on strike|go on strike
paid back the loan|pay back the loan
lowered interest rates|lower interest rates
kept rates unchanged|keep rates unchanged
shipped the first batch|ship the first batch
named {person} as chairman|name {person} as chairman
fired {person}|let {person} go
extended the deadline|extend the deadline
voted on the budget|vote on the budget
passed a law on noise|pass a law on noise
planted {count} trees|plant {count} trees
restored the fresco|restore the fresco
acquired the letters of {person}|acquire the letters of {person}
shut down the reactor|shut down the reactor
inspected {count} restaurants|inspect {count} restaurants
""")

SPORT = lines("""
beat {team} {score}|play {team}
lost to {team} {score}|face {team}
drew {score} with {team}|travel to {city}
signed {person} from {team}|sign {person} from {team}
reached the final|play in the final
won the cup|defend the title
sacked the manager|present a new manager
moved into a new stadium|move into a new stadium
were relegated|be relegated
won promotion|seek promotion
dropped {person} from the squad|announce the squad
extended the contract of {person}|extend the contract of {person}
opened the campaign with a win|open the campaign at home
played in front of {count} fans|play in front of {count} fans
sold {person} to {team}|sell {person} to {team}
""")

PLACE = lines("""
opened to the public|open to the public
reopened after repairs|reopen after repairs
closed for good|close for good
was damaged in a storm|be repaired
burned down|be rebuilt
was sold to {org}|be sold to {org}
was built by {person}|be built by {person}
collapsed|be demolished
was flooded|be drained
was evacuated|be inspected
got a new roof|get a new roof
was renamed after {person}|be renamed after {person}
attracted {count} visitors|attract {count} visitors
was listed as a monument|be listed as a monument
was painted green|be painted green
moved across the river|move across the river
""")

NATURE = lines("""
a storm hit the coast near {city}|a storm will hit the coast near {city}
heavy snow closed the roads around {city}|heavy snow will close the roads around {city}
an earthquake shook {city}|the repairs in {city} will begin
a fire destroyed a warehouse in {city}|firefighters will hold a drill in {city}
floods forced {count} people from their homes|the flood barrier will be tested
a power cut hit {city}|power will be switched off in parts of {city}
a truck overturned near {city}|the road near {city} will be closed
the river burst its banks|the river will reach its highest level
a meteor was seen over {city}|a comet will be visible over {city}
the volcano erupted|the park around the volcano will reopen
temperatures in {city} fell below zero|temperatures in {city} will fall below zero
thousands rallied in {city}|thousands will rally in {city}
voters in {city} went to the polls|voters in {city} will go to the polls
the first train left {city}|the first train will leave {city}
a bus with {count} passengers broke down near {city}|a bus line between {city} and {city} will start
""")

CASUAL = lines("""
bought a {object}|buy a {object}
sold my {object}|sell my {object}
ordered a {object}|order a {object}
moved in with {first}|move in with {first}
quit my job|quit my job
started a new job|start a new job
had a job interview|have a job interview
booked the tickets to {city}|book the tickets to {city}
flew to {city}|fly to {city}
drove to {city}|drive to {city}
got back from {city}|get back from {city}
finished the report|finish the report
sent you the invoice|send you the invoice
returned the {object}|return the {object}
picked up the {object}|pick up the {object}
saw {first} at {event}|see {first} at {event}
went to {event}|go to {event}
met {first} for coffee|meet {first} for coffee
called the bank|call the bank
paid the rent|pay the rent
passed the driving test|take the driving test
adopted a puppy|adopt a puppy
planted tomatoes|plant tomatoes
fixed the {object}|fix the {object}
ran a half marathon|run a half marathon
cooked for {first}|cook for {first}
baked a cake for {first}|bake a cake for {first}
visited the doctor|visit the doctor
had the stitches removed|have the stitches removed
updated the firmware|update the firmware
installed the new version|install the new version
cancelled the subscription|cancel the subscription
handed in the essay|hand in the essay
missed the train to {city}|take the train to {city}
lost my keys|change the locks
watched the match with {first}|watch the match with {first}
signed the lease|sign the lease
painted the kitchen|paint the kitchen
got the results|get the results
talked to {first} about it|talk to {first} about it
emailed support|email support
graduated|graduate
got engaged|get married
broke my wrist|get the cast off
gave notice|give notice
threw a party|throw a party
cleaned the garage|clean the garage
took the cat to the vet|take the cat to the vet
""")

# what lasts or repeats, for durations and frequencies
DURATIVE = lines("""
worked at {org}|work at {org}
lived in {city}|live in {city}
trained in {city}|train in {city}
taught in {city}|teach in {city}
waited for an answer from {org}|wait for an answer from {org}
played for {team}|play for {team}
stayed with {first} in {city}|stay with {first} in {city}
wrote for a newspaper in {city}|write for a newspaper in {city}
drove a taxi in {city}|drive a taxi in {city}
studied law in {city}|study law in {city}
sang in the choir|sing in the choir
commuted between {city} and {city}|commute between {city} and {city}
ran the shop in {city}|run the shop in {city}
looked after {person}|look after {person}
practised with {first}|practise with {first}
was on sick leave|be on sick leave
travelled through {country}|travel through {country}
slept on the sofa|sleep on the sofa
helped at {event}|help at {event}
toured {country} with a band|tour {country} with a band
repaired bikes in {city}|repair bikes in {city}
served in the navy|serve in the navy
volunteered at {org}|volunteer at {org}
reported from {country}|report from {country}
""")

COUNTRY = words("""
Norway, Chile, Ghana, Japan, Canada, Poland, Kenya, Vietnam, Peru, Portugal, Ireland, Egypt, Mexico,
Iceland, Estonia, India, Brazil, Greece, Turkey, South Korea, New Zealand, Morocco, Switzerland, Thailand,
Colombia
""")

SPEAKER = words("""
police, officials, a spokesman, a spokeswoman, the ministry, the company, witnesses, the coach, {last},
{last}, {person}, {person}, the agency, doctors, her lawyer, his lawyer, the organisers, the committee, a
court in {city}, state media, local radio
""")

FILLER = lines("""
No one was hurt.
The cause is still unclear.
Nobody expected it.
It was not easy.
Let me know what you think.
Tickets are free.
Shares rose sharply.
The vote was close.
Critics called the decision a mistake.
{person} could not be reached for comment.
{org_cap} declined to comment.
{person} is married and lives in {city}.
It is the largest of its kind in the country.
The two sides have not spoken since.
More than {count} people signed the petition.
The project cost {amount}.
Residents have complained about the noise.
Thanks a lot!
Any ideas?
Has anyone else had this problem?
I have no idea why.
Hope that helps.
It works like a charm.
We had a great time.
The food was awful though.
Please confirm.
The room has space for {count} people.
There is no parking at the venue.
{person} wrote the music.
Details are on the website.
The score was {score}.
Fans cheered.
The weather was kind to us.
Prices start at {amount}.
You can reach me at the office.
Bring a jacket.
The suspect is in custody.
{team_cap} have never won it.
The plan still needs approval from {org}.
Both drivers walked away unharmed.
She thanked her family.
He did not say why.
They have three children.
I love that place.
My {object} still works fine.
The support team was no help at all.
The judge denied the request.
The painting shows a harbour near {city}.
The river is shallow there.
It runs on batteries.
""")

PLAIN = lines("""
{person} is the author of several books on {city}.
{org_cap} employs {count} people in {city}.
Does anyone know a good dentist in {city}?
How do I reset the password of my {object}?
{person} and {person} share a house in {city}.
The recipe needs two eggs and a pinch of salt.
Where can I get a decent {object} for under {amount}?
{team_cap} play in green and white.
The capital of the region is {city}.
This {object} is way too loud.
{person} denied the allegations.
Critics say {org} has too much power.
The app keeps crashing when I open the settings.
I can't decide between the {object} and the {object}.
Our hotel is close to the main station of {city}.
{person} speaks four languages.
The law allows {org} to fine owners up to {amount}.
Thank you for your help with the {object}, {first}.
{first}, can you send me the file?
Anyone selling a used {object} near {city}?
What's the best way to get from {city} to {city}?
{person} thinks the new rules are unfair.
The bridge connects {city} with the airport.
The museum holds the largest collection of maps in {country}.
I totally agree with {first} on this one.
Please keep the receipt of your {object}.
My {object} does not charge any more.
Most of the houses in the village are made of stone.
The company makes a {object} out of recycled plastic.
{person} has two sisters and a brother in {city}.
{country} exports more coffee than {country}.
It depends on what {org} says.
You need a permit to fish in the lake.
The proposal would cost {amount}, according to {org}.
Nobody at {org} wanted to talk about it.
{person} prefers tea.
I'm allergic to nuts, so no cake for me.
The tower is visible from {city}.
""")

# {N}: an expression after another preposition, {A}: with its own, {P}: before 's; > looks ahead, < back
NOMINAL = lines("""
> The deadline is {N}.
> The deadline for applications is {N}.
> Tickets are on sale until {N}.
> {event_cap} has been moved to {N}.
> {event_cap} takes place {A} in {city}.
> {event_cap} starts {A}.
> {event_cap} runs until {N}.
> Next meeting: {N}.
> RSVP by {N}.
> Please reply by {N}.
> Can we meet {A} instead?
> Are you free {A}?
> Who's coming to {event} {A}?
> See you {A}!
> Your {object} will arrive by {N}.
> Expected delivery: {N}.
> The offer is valid through {N}.
> The contract expires {A}.
> The strike is set for {N}.
> The trial is scheduled for {N}.
> The referendum in {country} is on {N}.
> Reminder: {event}, {N}, {city}.
> We have until {N} to finish the {object} project.
> I'm off until {N}.
> {org_cap} has postponed the vote until {N}.
> The release has slipped to {N}.
> My flight to {city} leaves {A}.
> Does {N} work for you?
> How about {N}?
> {person} is expected in {city} {A}.
> {team_cap} play {team} {A}.
> The new rules take effect {A}.
> From {N}, {org} will charge {amount} a visit.
> The ban comes into force {A}.
> The lease ends {A}.
> School starts again {A}.
< It has been closed since {N}.
< {thing_cap} has been closed since {N}.
< {person} has lived in {city} since {N}.
< {org_cap} has been without a director since {N}.
< I haven't heard from {first} since {N}.
< Still no reply to my mail from {N}.
< Photos from {N} are up.
< The photo was taken {A}.
< Where were you {A}?
< Did you see {team} {A}?
< Does anyone remember what happened {A}?
< The letter is dated {N}.
< The recording dates from {N}.
< The last update is from {N}.
< Last seen in {city} {A}.
< Invoice no. {code}, issued {A}.
< Founded {A}, {org} now has {count} members.
< Born {A} in {city}, {person} grew up in {country}.
< {person} (born {A}) is a painter from {city}.
< Until {N}, {thing} belonged to {org}.
< The data covers everything up to {N}.
< I bought it {A} and it broke.
< Purchased {A}, arrived broken, do not recommend.
< As of {N}, {count} people had signed.
< It was the worst storm since {N}.
< Sales were flat compared with {N}.
< By {N}, {org} had lost {amount}.
< The rules have not changed since {N}.
< Does your offer from {N} still stand?
< Posting this again because nobody answered {A}.
""")

POSSESSIVE = lines("""
< {P}'s match ended {score}.
< I still can't believe {P}'s result.
< {P}'s storm left {count} homes without power.
< {person} won {P}'s election by {count} votes.
< The police released video of {P}'s robbery.
< {org_cap} apologised for {P}'s outage.
< {P}'s figures were worse than expected.
< Did you read {P}'s article about {person}?
< The damage from {P}'s fire is worth {amount}.
< {P}'s winner, {person}, is from {city}.
> {P}'s meeting has been cancelled.
> {P}'s match against {team} is sold out.
> {org_cap} is preparing for {P}'s vote.
> {person} will miss {P}'s game.
> Who wants my ticket for {P}'s show?
> {P}'s budget foresees cuts of {amount}.
> I'm so nervous about {P}'s exam.
> {org_cap} will present {P}'s programme in {city}.
""")

YEARLY = lines("""
< {person} won gold at the {Y} games in {city}.
< The {Y} census counted {count} people in {city}.
< {person} covered the {Y} election for {org}.
< The {Y} earthquake destroyed half of {city}.
< {team_cap} won the {Y} championship.
< The {Y} edition of {event} was held in {city}.
< I still drive a {Y} pickup.
< The {Y} treaty between {country} and {country} was never ratified.
> {city} will host the {Y} games.
> {person} is a candidate for the {Y} election.
> {country} has qualified for the {Y} world cup.
""")

RANGE = lines("""
< {person} was mayor of {city} from {N} to {N2}.
< {person} taught in {city} between {N} and {N2}.
< {thing_cap} was closed from {N} until {N2}.
< {org_cap} lost {count} members between {N} and {N2}.
< Profits fell from {amount} in {M} to {amount} in {M2}.
> {event_cap} runs from {N} to {N2}.
> I'm away from {N} to {N2}.
> {thing_cap} will be closed from {N} until {N2}.
> {person} will be in {city} between {N} and {N2}.
""")

MAIL_OPEN = lines("""
Hi {first},
Hello {first},
Dear {first},
Hi all,
Hello everyone,
Dear colleagues,
Hey {first},
""")
MAIL_CLOSE = lines("""
Best, {first}
Thanks, {first}
Cheers, {first}
Kind regards, {first}
Best wishes from {city}, {first}
{first}
""")
TAGS = words(
    "#news, #local, #fail, #travel, #football, #community, #work, #music, #help, #weather, #update, #cats"
)
CHAT_END = words("lol, haha, :), tbh, btw, thx, omg, pls, !!, ..., ;), xx")
FORUM_OPEN = lines("""
Newbie here.
Long-time lurker, first post.
Sorry if this has been asked before.
Quick question.
Update:
Edit:
Solved!
Bumping this.
Not sure where to post this.
""")
